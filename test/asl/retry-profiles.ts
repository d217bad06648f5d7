const NEVER = { interval: 1, attempts: 0, rate: 1, longest: 2, jitter: 'NONE' } as const;

/** One way in which a task is retried, in the words of Amazon States Language. */
export interface RetryProfile {
  readonly errors: readonly string[];
  readonly interval: number;
  readonly attempts: number;
  readonly rate: number;
  readonly longest: number;
  readonly jitter: 'FULL' | 'NONE';
}

/** Profiles by their names. */
export type RetryProfiles = Readonly<Record<string, RetryProfile>>;

/** The only ways in which a task of analytics may be retried. */
export const ANALYTICS_PROFILES = {
  'apple-refused': {
    errors: [
      'ApiAuthError',
      'ApiRequestError',
      'ApiContractError',
      'ListIncompleteError',
      'HostNotAllowedError',
    ],
    ...NEVER,
  },
  unusable: {
    errors: [
      'IntegrityError',
      'SegmentTooLargeError',
      'SecretFormatError',
      'SecretUnavailableError',
      'PayloadContractError',
      'EnvironmentError',
    ],
    ...NEVER,
  },
  'not-curable': {
    errors: ['SegmentDamagedError', 'SchemaDriftError', 'HistoryRangeError', 'DeliveryTooLargeError'],
    ...NEVER,
  },
  'apple-throttled': {
    errors: ['ApiThrottledError'],
    interval: 60,
    attempts: 6,
    rate: 2,
    longest: 900,
    jitter: 'FULL',
  },
  'apple-unavailable': {
    errors: ['ApiUnavailableError', 'DownloadExpiredError', 'StorageUnavailableError'],
    interval: 30,
    attempts: 8,
    rate: 2,
    longest: 900,
    jitter: 'FULL',
  },
  'aws-transient': {
    errors: [
      'Lambda.ServiceException',
      'Lambda.AWSLambdaException',
      'Lambda.SdkClientException',
      'Lambda.TooManyRequestsException',
      'WriteConflictError',
    ],
    interval: 2,
    attempts: 6,
    rate: 2,
    longest: 60,
    jitter: 'FULL',
  },
  'function-lost': {
    errors: [
      'Sandbox.Timedout',
      'Runtime.ExitError',
      'Runtime.OutOfMemory',
      'Lambda.Unknown',
      'States.Timeout',
    ],
    interval: 10,
    attempts: 2,
    rate: 2,
    longest: 60,
    jitter: 'FULL',
  },
  'already-started': { errors: ['StepFunctions.ExecutionAlreadyExistsException'], ...NEVER },
  unknown: { errors: ['States.ALL'], interval: 10, attempts: 3, rate: 2, longest: 60, jitter: 'FULL' },
} as const satisfies RetryProfiles;

/**
 * Those of account data. A run of analytics that fails is followed by the next day's; here a failure interrupts the
 * series of one person until an operator redrives it, so throttling and a secret out of reach are waited out longer.
 */
export const ACCOUNT_DATA_PROFILES = {
  ...ANALYTICS_PROFILES,
  unusable: {
    ...ANALYTICS_PROFILES.unusable,
    errors: ANALYTICS_PROFILES.unusable.errors.filter((name) => name !== 'SecretUnavailableError'),
  },
  'account-data-refused': {
    errors: [
      'GrantRefusedError',
      'OAuthClientRefusedError',
      'OAuthRequestError',
      'GrantNotFoundError',
      'ArchiveTooLargeError',
      'GrantErasedError',
    ],
    ...NEVER,
  },
  'secret-unavailable': {
    errors: ['SecretUnavailableError'],
    interval: 30,
    attempts: 8,
    rate: 2,
    longest: 900,
    jitter: 'FULL',
  },
  'aws-transient': { ...ANALYTICS_PROFILES['aws-transient'], attempts: 12, longest: 900 },
  'not-started': {
    errors: ['States.ALL'],
    interval: 10,
    attempts: 10,
    rate: 2,
    longest: 900,
    jitter: 'FULL',
  },
} as const satisfies RetryProfiles;
