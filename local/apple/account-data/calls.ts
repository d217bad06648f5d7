import type { HostName, Mode } from './scenario.ts';

/** What a call is, as faults choose by it. */
export const OPERATIONS = [
  'submit',
  'resubmit',
  'status',
  'fetch',
  'cancel',
  'token',
  'revoke',
  'keys',
  'asset',
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What a call turned out to be about. */
export interface CallSubject {
  externalId?: string;
  requestId?: string;
  parentRequestId?: string;
  transactionId?: string;
  /** Of the asset host: the archive's number in the list, from 1. */
  archive?: number;
}

/** A call that a host of account data has had. */
export interface RecordedCall extends Readonly<CallSubject> {
  readonly host: HostName;
  readonly operation: Operation | undefined;
  readonly method: string;
  /** Without the query, which is a credential on the asset host. */
  readonly path: string;
  /** 0 when no answer left the host. */
  readonly status: number;
  /** Milliseconds by the world's clock. */
  readonly at: number;
  /** For a broken connection: whether the call was carried out. */
  readonly reset?: 'before' | 'after';
}

/** What a well-behaved client never does. */
export const VIOLATION_KINDS = [
  'unknown-path',
  'missing-transaction-id',
  'repeated-transaction-id',
  'wrong-content-type',
  'unknown-field',
  'missing-field',
  'early-poll',
  'early-resubmit',
  'two-open-instances',
  'url-used-late',
  'credential-on-asset-host',
  'wrong-service',
] as const;

/** A rule that a client broke, whatever the answer was; tests assert that there is none. */
export interface Violation {
  readonly kind: (typeof VIOLATION_KINDS)[number];
  /** What happened, without a credential. */
  readonly detail: string;
  readonly at: number;
  readonly externalId?: string;
  readonly requestId?: string;
}

/** A request as simulated Apple knows it now. Times in milliseconds. */
export interface RequestRecord {
  readonly externalId: string;
  readonly requestId: string;
  readonly parentRequestId?: string;
  readonly mode: Mode;
  /** Counts from 1 within a series; among the person's one-time requests otherwise. */
  readonly instanceNumber: number;
  /** Apple's jobStatus at this moment. */
  readonly status: string;
  readonly submittedAt: number;
  readonly completedAt?: number;
  readonly cancelledAt?: number;
}

/** A series that refuses another recurring submit now. */
export interface LiveSeries {
  readonly externalId: string;
  readonly parentRequestId: string;
  readonly firstSubmittedAt: number;
}
