import * as z from 'zod';
import { WriteConflictError } from '../errors.ts';
import { jsonText } from '../lake/object-store.ts';
import { CALL_STOP_KEY, GRANTS_PREFIX } from '../lake/personal-keys.ts';
import { grantId } from './contracts.ts';
import type { AppleDeps } from './deps.ts';

const HOUR = 3_600_000;

/** How long no grant is used after calls were stopped; then the next call probes whether Apple takes us again. */
export const STOP_MILLISECONDS = HOUR;

/** So many refused grants within an hour, or this share of all, still count as withdrawn consents. */
const TOLERATED_REFUSALS = 3;
const TOLERATED_SHARE = 0.05;

/** Rounds of read and conditional write before writers count as fighting. */
const ATTEMPTS = 12;

const callStop = z.object({
  /** Until when no call is made for any grant. */
  until: z.iso.datetime().optional(),
  reason: z.enum(['client-refused', 'many-grants-refused']).optional(),
  /** Grants that Apple refused, each with its latest refusal; those of the last hour count. */
  refusals: z.array(z.object({ grantId, at: z.iso.datetime() })),
});
type CallStop = z.infer<typeof callStop>;

type StopDeps = Pick<AppleDeps, 'clock' | 'log' | 'metrics' | 'store'>;

/** When calls may be made again, milliseconds since 1970; undefined when they may be made now. */
export async function callsStoppedUntil(
  deps: Pick<StopDeps, 'clock' | 'store'>,
): Promise<number | undefined> {
  const stored = await deps.store.readJson(CALL_STOP_KEY, callStop);
  return openUntil(stored?.value, deps.clock.now());
}

function openUntil(stop: CallStop | undefined, now: number): number | undefined {
  const until = stop?.until === undefined ? 0 : Date.parse(stop.until);
  return until > now ? until : undefined;
}

/** Changes the object by compare-and-swap; `change` returns undefined to leave it, and may be called again. */
async function updateCallStop(
  deps: StopDeps,
  change: (present: CallStop) => Promise<CallStop | undefined>,
): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const stored = await deps.store.readJson(CALL_STOP_KEY, callStop);
    const changed = await change(stored?.value ?? { refusals: [] });
    if (changed === undefined) return;
    const condition = stored === undefined ? { ifAbsent: true as const } : { ifMatch: stored.etag };
    if (await deps.store.writeText(CALL_STOP_KEY, jsonText(changed), condition)) return;
  }
  throw new WriteConflictError(
    `The object ${CALL_STOP_KEY} changed ${ATTEMPTS} times while it was being written: run it again.`,
    { details: { key: CALL_STOP_KEY } },
  );
}

function stopped(now: number, reason: NonNullable<CallStop['reason']>): CallStop {
  return { until: new Date(now + STOP_MILLISECONDS).toISOString(), reason, refusals: [] };
}

function announce(deps: StopDeps, reason: NonNullable<CallStop['reason']>): void {
  deps.metrics.count('AccountDataCallsStopped', 1);
  deps.log.error('The calls of all grants are stopped for an hour', { reason });
}

/** Stops the calls of all grants for an hour because Apple refuses our client; counted once an opening. */
export async function stopCalls(deps: StopDeps): Promise<void> {
  let opened = false;
  await updateCallStop(deps, async (present) => {
    const now = deps.clock.now();
    opened = openUntil(present, now) === undefined;
    return opened ? { ...stopped(now, 'client-refused'), refusals: present.refusals } : undefined;
  });
  if (opened) announce(deps, 'client-refused');
}

/**
 * Notes that Apple refused a grant. When more than three grants and more than 5 % of all were refused within an hour,
 * it is our own fault: `voidMarks` is called with them, all calls are stopped for an hour, and the answer is true.
 * The caller has marked its grant before, so that no mark of the hour is missed. Repeating it is harmless.
 */
export async function noteRefusal(
  deps: StopDeps,
  refusedGrantId: string,
  voidMarks: (grantIds: readonly string[], since: number) => Promise<void>,
): Promise<boolean> {
  let many = false;
  let opened = false;
  await updateCallStop(deps, async (present) => {
    const now = deps.clock.now();
    const recent = present.refusals.filter(
      (refusal) => refusal.grantId !== refusedGrantId && Date.parse(refusal.at) > now - HOUR,
    );
    const refusals = [...recent, { grantId: refusedGrantId, at: new Date(now).toISOString() }];
    const wasOpen = openUntil(present, now) !== undefined;
    many = wasOpen || (await areTooMany(deps, refusals.length));
    opened = many && !wasOpen;
    if (!many) return { ...present, refusals };
    await voidMarks(
      refusals.map((refusal) => refusal.grantId),
      now - HOUR,
    );
    return opened ? stopped(now, 'many-grants-refused') : undefined;
  });
  if (opened) announce(deps, 'many-grants-refused');
  return many;
}

async function areTooMany(deps: StopDeps, refused: number): Promise<boolean> {
  if (refused <= TOLERATED_REFUSALS) return false;
  const grants = await deps.store.list(GRANTS_PREFIX);
  return refused > Math.max(TOLERATED_REFUSALS, grants.length * TOLERATED_SHARE);
}
