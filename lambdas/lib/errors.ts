/**
 * Every error that a Lambda of this project may end with. The literal `name`s are the contract with the
 * state machines: each stands in a retry profile there, and a test compares the two lists in both directions.
 * Names are literals because a minifier renames classes (decision 003).
 */

export interface PipelineErrorOptions {
  /** Facts for the operator: ids, counts, codes. Never a URL query, a token or a key. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Base of all named errors: the message says what happened, for which id, and what to do. */
export abstract class PipelineError extends Error {
  abstract override readonly name: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: PipelineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
  }
}

/** Apple (429) or our own share of the hourly budget asks for a pause; `retryAfterSeconds` when a time is known. */
export class ApiThrottledError extends PipelineError {
  override readonly name = 'ApiThrottledError';
  readonly retryAfterSeconds: number | undefined;

  constructor(
    message: string,
    options: PipelineErrorOptions & { readonly retryAfterSeconds?: number | undefined } = {},
  ) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Apple did not answer usefully: 5xx, an HTML page, a network failure, a time-out. */
export class ApiUnavailableError extends PipelineError {
  override readonly name = 'ApiUnavailableError';
}

/** Why Apple refused a valid call; each has its own sentence for the operator in `apple/refusals.ts`. */
export type RefusalOutcome =
  | 'credentials-refused'
  | 'role-forbidden'
  | 'agreement-missing'
  | 'program-license-invalid'
  | 'operation-not-allowed'
  | 'forbidden';

/** 401 after one renewal, or 403: a person has to act, repeating does not help. */
export class ApiAuthError extends PipelineError {
  override readonly name = 'ApiAuthError';
  readonly outcome: RefusalOutcome;

  constructor(message: string, options: PipelineErrorOptions & { readonly outcome: RefusalOutcome }) {
    super(message, options);
    this.outcome = options.outcome;
  }
}

/** Any other 4xx: our request is wrong, or what it names does not exist (`status` 404, 409, ...). */
export class ApiRequestError extends PipelineError {
  override readonly name = 'ApiRequestError';
  readonly status: number;
  /** Apple's dotted code of the first entry of `errors[]`, or `''` when the body had none. */
  readonly code: string;

  constructor(
    message: string,
    options: PipelineErrorOptions & { readonly status: number; readonly code: string },
  ) {
    super(message, options);
    this.status = options.status;
    this.code = options.code;
  }

  /** Apple's application says that the resource does not exist; a bare 404 of something in between does not. */
  get isNotFound(): boolean {
    return this.status === 404 && this.code.startsWith('NOT_FOUND');
  }
}

/** An answer of Apple's that is not of the documented shape; `details.path` names the field. */
export class ApiContractError extends PipelineError {
  override readonly name = 'ApiContractError';
}

/** A paged list ended before its total, repeated a link, or passed the page cap: it must not be taken as whole. */
export class ListIncompleteError extends PipelineError {
  override readonly name = 'ListIncompleteError';
}

/** A link or download URL leaves the allowed hosts, or is not plain https. */
export class HostNotAllowedError extends PipelineError {
  override readonly name = 'HostNotAllowedError';
}

/** The signed URL is expired, or its object is gone from storage: list the segments again. */
export class DownloadExpiredError extends PipelineError {
  override readonly name = 'DownloadExpiredError';
}

/** Size or checksum differ from what Apple announced. */
export class IntegrityError extends PipelineError {
  override readonly name = 'IntegrityError';
}

/** A segment that cannot pass in one invocation or one PutObject. */
export class SegmentTooLargeError extends PipelineError {
  override readonly name = 'SegmentTooLargeError';
}

/** A file of Apple's is no whole gzip: cut, followed by other bytes, its CRC wrong, or inflating without bound. */
export class SegmentDamagedError extends PipelineError {
  override readonly name = 'SegmentDamagedError';
}

/** A file of Apple's is not of its report's shape; `details` has file, line and column. */
export class SchemaDriftError extends PipelineError {
  override readonly name = 'SchemaDriftError';
}

/** A Date before the first one of its table, or after its processingDate: Athena would hide it in silence. */
export class HistoryRangeError extends PipelineError {
  override readonly name = 'HistoryRangeError';
}

/** A delivery that cannot be curated within one invocation. */
export class DeliveryTooLargeError extends PipelineError {
  override readonly name = 'DeliveryTooLargeError';
}

/** The secret does not hold `{ privateKey, keyId, issuerId? }` with a PKCS#8 P-256 key. */
export class SecretFormatError extends PipelineError {
  override readonly name = 'SecretFormatError';
}

/** Secrets Manager does not give the secret: missing, empty or denied. */
export class SecretUnavailableError extends PipelineError {
  override readonly name = 'SecretUnavailableError';
}

/** The input of a function, or an object that an earlier step wrote, is not of its contract's shape. */
export class PayloadContractError extends PipelineError {
  override readonly name = 'PayloadContractError';
}

/** Another writer changed the same object again and again; the run stops rather than overwrite it. */
export class WriteConflictError extends PipelineError {
  override readonly name = 'WriteConflictError';
}

/** S3 did not take a write although it may: slow, broken off, an internal error; the same write may succeed later. */
export class StorageUnavailableError extends PipelineError {
  override readonly name = 'StorageUnavailableError';
}

/** A deployment without a needed environment variable. */
export class EnvironmentError extends PipelineError {
  override readonly name = 'EnvironmentError';
}

/** Apple answered `invalid_grant`: the grant's consent is gone, or its refresh token is not ours. */
export class GrantRefusedError extends PipelineError {
  override readonly name = 'GrantRefusedError';
}

/** Apple refuses our own OAuth client (`invalid_client` and its kin): no grant can be used until it is repaired. */
export class OAuthClientRefusedError extends PipelineError {
  override readonly name = 'OAuthClientRefusedError';
  /** Apple's `error`. */
  readonly code: string;

  constructor(message: string, options: PipelineErrorOptions & { readonly code: string }) {
    super(message, options);
    this.code = options.code;
  }
}

/** Apple answered `invalid_request` to a token call: the grant needs a person's attention. */
export class OAuthRequestError extends PipelineError {
  override readonly name = 'OAuthRequestError';
}

/** No grant has this id. */
export class GrantNotFoundError extends PipelineError {
  override readonly name = 'GrantNotFoundError';
}

/** An archive whose bytes cannot pass within the life of its URL; `details.bytes` did. */
export class ArchiveTooLargeError extends PipelineError {
  override readonly name = 'ArchiveTooLargeError';
}

/** The grant has a tombstone: nothing of it is published any more. */
export class GrantErasedError extends PipelineError {
  override readonly name = 'GrantErasedError';
}

/** The run ended, but apps failed in a way that no typed outcome describes; `details` counts them. */
export const RUN_FAILED_ERROR_NAME = 'AnalyticsSyncFailedError';

/** Every name that a function may throw, for the test that compares it with the state machines. */
export const ERROR_NAMES = [
  'ApiThrottledError',
  'ApiUnavailableError',
  'ApiAuthError',
  'ApiRequestError',
  'ApiContractError',
  'ListIncompleteError',
  'HostNotAllowedError',
  'DownloadExpiredError',
  'IntegrityError',
  'SegmentTooLargeError',
  'SegmentDamagedError',
  'SchemaDriftError',
  'HistoryRangeError',
  'DeliveryTooLargeError',
  'SecretFormatError',
  'SecretUnavailableError',
  'PayloadContractError',
  'WriteConflictError',
  'StorageUnavailableError',
  'EnvironmentError',
] as const;

/** Names that only the functions of account data may throw besides, for the same comparison. */
export const ACCOUNT_DATA_ERROR_NAMES = [
  'GrantRefusedError',
  'OAuthClientRefusedError',
  'OAuthRequestError',
  'GrantNotFoundError',
  'ArchiveTooLargeError',
  'GrantErasedError',
] as const;
