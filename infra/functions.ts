import type { LakeAccess } from './constructs/lake-access.ts';

/** Which of an account's secrets a function reads. */
export type SecretUse = 'reader' | 'admin';

/** A function of a flow: where its handler stands, its limits, and all it may touch. */
export interface FunctionDefinition {
  /** File name below `lambdas/`, without `.handler.ts`. */
  readonly handler: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** Disk space under /tmp; Lambda's own 512 where it is left out. */
  readonly diskMegabytes?: number;
  /** In the analytics bucket. */
  readonly access: LakeAccess;
  /** Functions with a secret call Apple. */
  readonly secrets: readonly SecretUse[];
}

/** The functions of analytics-sync by construct id; `${<Id>Arn}` stands for each in the state machine. */
export const ANALYTICS_SYNC_FUNCTIONS = {
  TakeAccountLease: {
    handler: 'analytics-sync/take-account-lease',
    description: 'Makes sure that one run per account works at a time.',
    timeoutSeconds: 30,
    memoryMegabytes: 256,
    access: { get: ['leases/*'], put: ['leases/*'] },
    secrets: [],
  },
  ListApps: {
    handler: 'analytics-sync/list-apps',
    description: 'Lists the apps of an account that this run works on.',
    timeoutSeconds: 600,
    memoryMegabytes: 256,
    access: { put: ['runs/*'] },
    secrets: ['reader'],
  },
  EnsureReportRequests: {
    handler: 'analytics-sync/ensure-report-requests',
    description: "Finds an app's report requests at Apple and creates the missing ones.",
    timeoutSeconds: 120,
    memoryMegabytes: 256,
    access: { get: ['requests/*'], put: ['requests/*', 'runs/*'], list: true },
    secrets: ['reader', 'admin'],
  },
  ListNewInstances: {
    handler: 'analytics-sync/list-new-instances',
    description: 'Plans which report instances of an app are to be landed.',
    timeoutSeconds: 900,
    memoryMegabytes: 256,
    access: { get: ['requests/*'], put: ['requests/*', 'runs/*'], list: true },
    secrets: ['reader'],
  },
  LandSegments: {
    handler: 'analytics-sync/land-segments',
    description: "Streams the planned instances' segments from Apple to S3, verified.",
    timeoutSeconds: 900,
    memoryMegabytes: 512,
    access: {
      get: ['raw/*', 'ledger/*', 'runs/*'],
      put: ['raw/*', 'superseded/*', 'quarantine/*', 'ledger/*', 'runs/*'],
      delete: ['raw/*'],
      abortMultipartUpload: ['raw/*', 'quarantine/*'],
      list: true,
    },
    secrets: ['reader'],
  },
  CurateInstances: {
    handler: 'analytics-sync/curate-instances',
    description: "Turns an app's landed instances into curated tables.",
    timeoutSeconds: 900,
    // A big snapshot is split and sorted on disk, which takes about twice the bytes that landed.
    memoryMegabytes: 2048,
    diskMegabytes: 4096,
    access: {
      get: ['raw/*', 'ledger/*', 'curated/*', 'deliveries/*', 'freshness/*', 'curation/*'],
      put: ['curated/*', 'deliveries/*', 'freshness/*', 'curation/*', 'runs/*'],
      list: true,
    },
    secrets: [],
  },
  ReplaceStoppedRequest: {
    handler: 'analytics-sync/replace-stopped-request',
    description: 'Deletes a report request that Apple stopped and creates it again.',
    timeoutSeconds: 120,
    memoryMegabytes: 256,
    access: { get: ['requests/*'], put: ['requests/*', 'runs/*'] },
    secrets: ['admin'],
  },
  SummarizeRun: {
    handler: 'analytics-sync/summarize-run',
    description: 'Counts the outcomes of a run, as object, metrics and output.',
    timeoutSeconds: 300,
    memoryMegabytes: 512,
    access: { get: ['runs/*'], put: ['runs/*'], list: true },
    secrets: [],
  },
  ReleaseAccountLease: {
    handler: 'analytics-sync/release-account-lease',
    description: "Gives the account's lease back.",
    timeoutSeconds: 30,
    memoryMegabytes: 256,
    access: { get: ['leases/*'], put: ['leases/*'], list: true },
    secrets: [],
  },
} as const satisfies Readonly<Record<string, FunctionDefinition>>;

/** The functions of rebuild-curated, none of which knows Apple. */
export const REBUILD_CURATED_FUNCTIONS = {
  ListLedger: {
    handler: 'rebuild-curated/list-ledger',
    description: "Lists what each app's tables can be rebuilt from.",
    timeoutSeconds: 900,
    memoryMegabytes: 512,
    access: { put: ['runs/rebuild/*'], list: true },
    secrets: [],
  },
  RebuildTable: {
    handler: 'rebuild-curated/rebuild-table',
    description: "Curates one app's table again from what has landed.",
    timeoutSeconds: ANALYTICS_SYNC_FUNCTIONS.CurateInstances.timeoutSeconds,
    memoryMegabytes: ANALYTICS_SYNC_FUNCTIONS.CurateInstances.memoryMegabytes,
    diskMegabytes: ANALYTICS_SYNC_FUNCTIONS.CurateInstances.diskMegabytes,
    access: {
      get: ['raw/*', 'ledger/*', 'curated/*', 'runs/rebuild/*'],
      put: ['curated/*', 'deliveries/*', 'runs/rebuild/*'],
      list: true,
    },
    secrets: [],
  },
  SummarizeRebuild: {
    handler: 'rebuild-curated/summarize-rebuild',
    description: 'Counts what an execution of rebuild-curated did, as object and output.',
    timeoutSeconds: 900,
    memoryMegabytes: 512,
    access: { get: ['runs/rebuild/*'], put: ['runs/rebuild/*'], list: true },
    secrets: [],
  },
} as const satisfies Readonly<Record<string, FunctionDefinition>>;

export type RebuildCuratedFunction = keyof typeof REBUILD_CURATED_FUNCTIONS;

export type AnalyticsSyncFunction = keyof typeof ANALYTICS_SYNC_FUNCTIONS;
