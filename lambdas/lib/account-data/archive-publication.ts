import { GrantErasedError } from '../errors.ts';
import { jsonText } from '../lake/object-store.ts';
import { type TransferIdentity, transferKey } from '../lake/personal-keys.ts';
import { type AppleStep, isErased } from './apple-step.ts';
import type { TooLargeArchive, WholeArchive } from './archive-facts.ts';
import type { ListedArchive } from './archive-list.ts';
import type { StepAnswer } from './contracts.ts';
import type { StorageDeps } from './deps.ts';
import type { InstanceRecord, SeriesRecord } from './grant.ts';
import { type EndState, isOver, withInstance } from './series.ts';
import { endAs } from './step-turns.ts';
import { type TransferManifest, type TransferredArchive, transferManifest } from './transfer-manifest.ts';

/** The instance that a step fetches, as the grant has it. */
export interface FetchedInstance extends TransferIdentity {
  readonly series: SeriesRecord;
  readonly record: InstanceRecord;
}

/** How far the archives of an instance came. */
export interface FetchedArchives {
  readonly archives: readonly ListedArchive[];
  readonly settled: ReadonlyMap<number, WholeArchive | TooLargeArchive>;
  /** Numbers of those whose host is not admitted. */
  readonly refused: ReadonlySet<number>;
}

/** Fails with GrantErasedError when the grant has a tombstone. */
export async function assertNotErased(deps: StorageDeps, grantId: string): Promise<void> {
  if (!(await isErased(deps, grantId))) return;
  throw new GrantErasedError(`Grant ${grantId} has a tombstone: nothing of it is published any more.`, {
    details: { grantId },
  });
}

function transferredArchive(
  { number, name }: ListedArchive,
  { settled, refused }: FetchedArchives,
): TransferredArchive {
  const found = settled.get(number);
  if (found?.state === 'whole') {
    return { number, name, outcome: 'fetched', bytes: found.bytes, sha256: found.sha256 };
  }
  if (found !== undefined) return { number, name, outcome: 'too-large', bytes: found.bytes };
  return { number, name, outcome: refused.has(number) ? 'host-refused' : 'gone', bytes: 0 };
}

function buildManifest(fetched: FetchedInstance, found: FetchedArchives): TransferManifest {
  const { grantId, requestId, series, record } = fetched;
  const archives = found.archives.map((archive) => transferredArchive(archive, found));
  const complete = archives.every(({ outcome }) => outcome === 'fetched');
  return {
    grantId,
    requestId,
    parentRequestId: series.parentRequestId ?? null,
    service: series.service,
    mode: series.submittedMode,
    series: series.number,
    instance: record.number,
    instanceAt: record.submittedAt ?? record.intent.at,
    partial: record.jobStatus === 'completed_with_error' || !complete,
    archives,
  };
}

/** What was published of an instance, undefined before that. */
export async function readTransfer(
  { store }: StorageDeps,
  instance: TransferIdentity,
): Promise<TransferManifest | undefined> {
  return (await store.readJson(transferKey(instance), transferManifest))?.value;
}

/**
 * Writes the manifest of an instance, once: where another execution was faster, its manifest stands and is the result.
 * Fails with GrantErasedError.
 */
export async function publishTransfer(
  deps: StorageDeps,
  fetched: FetchedInstance,
  found: FetchedArchives,
): Promise<TransferManifest> {
  const manifest = buildManifest(fetched, found);
  await assertNotErased(deps, fetched.grantId);
  const key = transferKey(fetched);
  if (!(await deps.store.writeText(key, jsonText(manifest), { ifAbsent: true }))) {
    return (await readTransfer(deps, fetched)) ?? manifest;
  }
  const { archives, partial } = manifest;
  const missing = archives.filter(({ outcome }) => outcome === 'gone').length;
  if (missing > 0 || (archives.length === 0 && !partial)) deps.metrics.count('ArchivesMissing', 1);
  deps.log.info('transfer published', {
    requestId: fetched.requestId,
    archives: archives.length,
    missing,
    partial,
    bytes: archives.reduce((sum, { bytes }) => sum + bytes, 0),
  });
  return manifest;
}

/** Ends the instance in the grant, unless it is over already; `transactionId` is that of the latest call for URLs. */
export function endFetch(step: AppleStep, state: EndState, transactionId?: string): Promise<StepAnswer> {
  return endAs(step, state, (grant) =>
    withInstance(grant, step.reference, (record) => withTransaction(record, transactionId)),
  );
}

/** The record with the transaction id of the latest call for URLs; the same object where there is nothing to change. */
export function withTransaction(record: InstanceRecord, transactionId: string | undefined): InstanceRecord {
  if (transactionId === undefined || isOver(record)) return record;
  return { ...record, transactionIds: { ...record.transactionIds, fetch: transactionId } };
}

/** Ends an instance whose manifest is written: it goes on with unpacking, if there is anything to unpack. */
export async function endTransfer(
  step: AppleStep,
  { archives, partial }: TransferManifest,
  transactionId?: string,
): Promise<StepAnswer> {
  const isEmpty = !archives.some(({ outcome }) => outcome === 'fetched');
  const answer = await endFetch(step, partial ? 'fetched-partial' : 'fetched', transactionId);
  if (!isEmpty) return answer;
  return {
    ...answer,
    phase: answer.nextInstance === null ? 'ended' : 'next',
    outcome: partial ? answer.outcome : 'no-archives',
  };
}
