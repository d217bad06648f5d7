import type { LakeAccess } from './constructs/lake-access.ts';

/** A function of account data: where its handler stands, its limits, and all it may touch. */
export interface AccountDataFunctionDefinition {
  /** File name below `lambdas/`, without `.handler.ts`. */
  readonly handler: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** In the personal bucket, under its own key. */
  readonly access: LakeAccess;
  /** Whether it calls Apple in the name of people: reads and writes grants, and reads the key for client secrets. */
  readonly callsApple: boolean;
}

/** What every function that calls Apple needs besides the grants: who is erased, and whether calls are stopped. */
const CALLER_ACCESS = {
  get: ['tombstones/*', 'control/*'],
  put: ['control/*'],
  list: true,
} as const satisfies LakeAccess;

/** The functions of account-data-transfer by construct id; `${<Id>Arn}` stands for each in the state machine. */
export const ACCOUNT_DATA_TRANSFER_FUNCTIONS = {
  SubmitRequest: {
    handler: 'account-data-transfer/submit-request',
    description: "Asks Apple for an instance of a person's account data.",
    timeoutSeconds: 120,
    memoryMegabytes: 256,
    access: CALLER_ACCESS,
    callsApple: true,
  },
  CheckStatus: {
    handler: 'account-data-transfer/check-status',
    description: 'Asks Apple how far an instance is, and says what comes next.',
    timeoutSeconds: 120,
    memoryMegabytes: 256,
    access: CALLER_ACCESS,
    callsApple: true,
  },
  FetchArchives: {
    handler: 'account-data-transfer/fetch-archives',
    description: 'Streams the archives of an instance from Apple to S3.',
    timeoutSeconds: 900,
    memoryMegabytes: 512,
    access: {
      get: [...CALLER_ACCESS.get, 'archives/*', 'transfers/*'],
      put: [...CALLER_ACCESS.put, 'archives/*', 'transfers/*'],
      abortMultipartUpload: ['archives/*'],
      list: true,
    },
    callsApple: true,
  },
  UnpackArchives: {
    handler: 'account-data-transfer/unpack-archives',
    description: 'Turns the archives of an instance into rows and files.',
    timeoutSeconds: 900,
    memoryMegabytes: 1024,
    access: {
      get: ['transfers/*', 'archives/*', 'tombstones/*', 'unpacking/*', 'manifests/*'],
      put: ['records/*', 'files/*', 'members/*', 'manifests/*', 'unpacking/*'],
      abortMultipartUpload: ['records/*', 'files/*', 'members/*'],
      list: true,
    },
    callsApple: false,
  },
} as const satisfies Readonly<Record<string, AccountDataFunctionDefinition>>;

/** The functions of account data that no state machine invokes. */
export const ACCOUNT_DATA_FUNCTIONS = {
  CancelRequest: {
    handler: 'account-data-transfer/cancel-request',
    description: 'Cancels at Apple what a grant has in progress, and stops the execution that waits for it.',
    timeoutSeconds: 120,
    memoryMegabytes: 256,
    // It cancels whatever stands in the way of others: neither a tombstone nor a stop of calls is asked for.
    access: { list: true },
    callsApple: true,
  },
  DeleteSupersededInstances: {
    handler: 'delete-superseded/delete-superseded-instances',
    description: 'Deletes what superseded instances hold, beyond the configured number.',
    timeoutSeconds: 900,
    memoryMegabytes: 512,
    access: {
      get: ['transfers/*', 'manifests/*'],
      delete: [
        'archives/*',
        'transfers/*',
        'unpacking/*',
        'files/*',
        'records/*',
        'members/*',
        'manifests/*',
      ],
      list: true,
    },
    callsApple: false,
  },
} as const satisfies Readonly<Record<string, AccountDataFunctionDefinition>>;

export type AccountDataTransferFunction = keyof typeof ACCOUNT_DATA_TRANSFER_FUNCTIONS;
export type AccountDataFunction = keyof typeof ACCOUNT_DATA_FUNCTIONS;
