import * as z from 'zod';
import { WriteConflictError } from '../errors.ts';
import { requestStateKey } from '../lake/keys.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { type AccessType, type Account, day } from './contracts.ts';
import { daysBetween } from './delivery.ts';
import { INSTANCE_LIFE_DAYS } from './processing-calendar.ts';

const knownRequest = z.object({
  requestId: z.string(),
  /** The day we created it, or first saw it when somebody else did: its age is at least this. */
  since: day,
});

/** What is kept per app about its report requests, under `requests/`. */
export const requestState = z.object({
  ongoing: knownRequest.extend({ stopped: z.boolean() }).optional(),
  snapshot: knownRequest
    .extend({
      /** Apple does not list it any more; it is remembered so that it is not asked for again. */
      gone: z.boolean().optional(),
      /** Slugs of reports whose whole list had no instance without a manifest, days after the request. */
      settledReports: z.array(z.string()).optional(),
    })
    .optional(),
  /** Report ids by slug, kept once every wanted report was found and the request is older than 7 days. */
  reportIds: z
    .record(z.string(), z.object({ readOn: day, bySlug: z.record(z.string(), z.string()) }))
    .default({}),
});
export type RequestState = z.infer<typeof requestState>;

/** Whether the configuration asks for a snapshot of the app. */
export function wantsSnapshot({ backfill, backfillApps }: Account, appId: string): boolean {
  return backfill === 'snapshot' && (backfillApps === 'all' || backfillApps.includes(appId));
}

const EMPTY: RequestState = { reportIds: {} };

/** Rounds of read and conditional write before two writers count as fighting. */
const ATTEMPTS = 5;

/** The kept state of an app's requests; empty when nothing is kept yet. */
export async function readRequestState(store: ObjectStore, appId: string): Promise<RequestState> {
  return (await store.readJson(requestStateKey(appId), requestState))?.value ?? EMPTY;
}

/**
 * Changes the kept state by compare-and-swap and returns what is kept afterwards; writes nothing when the
 * change changes nothing. Fails with WriteConflictError when other writers win every round.
 */
export async function updateRequestState(
  store: ObjectStore,
  appId: string,
  change: (state: RequestState) => RequestState,
): Promise<RequestState> {
  const key = requestStateKey(appId);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const current = await store.readJson(key, requestState);
    const before = current?.value ?? EMPTY;
    const after = change(before);
    if (jsonText(after) === jsonText(before)) return after;
    const condition = current === undefined ? { ifAbsent: true as const } : { ifMatch: current.etag };
    if (await store.writeText(key, jsonText(after), condition)) return after;
  }
  throw new WriteConflictError(
    `The request state of app ${appId} changed ${ATTEMPTS} times while it was being written: ` +
      'look for two executions that work on the same account.',
    { details: { key } },
  );
}

/** One of an app's requests whose instances can still exist at Apple. */
export interface OpenRequest {
  readonly access: AccessType;
  readonly requestId: string;
  readonly since: string;
  readonly stopped: boolean;
  readonly settledReports: readonly string[];
}

/** The requests to work with: the ongoing one, and a wanted snapshot while Apple can still have its instances. */
export function openRequests(
  state: RequestState,
  account: Account,
  appId: string,
  today: string,
): readonly OpenRequest[] {
  const { ongoing, snapshot } = state;
  const requests: OpenRequest[] = [];
  if (ongoing !== undefined) requests.push({ access: 'ONGOING', settledReports: [], ...ongoing });
  if (snapshot === undefined || snapshot.gone === true || !wantsSnapshot(account, appId)) return requests;
  if (daysBetween(snapshot.since, today) <= INSTANCE_LIFE_DAYS) {
    const { requestId, since, settledReports = [] } = snapshot;
    requests.push({ access: 'ONE_TIME_SNAPSHOT', stopped: false, requestId, since, settledReports });
  }
  return requests;
}
