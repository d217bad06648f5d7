import {
  ApiAuthError,
  ApiThrottledError,
  ApiUnavailableError,
  GrantRefusedError,
  OAuthClientRefusedError,
  OAuthRequestError,
} from '../errors.ts';
import { transferFailure } from '../lake/storage-failures.ts';
import { beginCancel, carryOutCancel } from './cancellation.ts';
import { type CancelAnswer, executionName } from './contracts.ts';
import type { CancelDeps } from './deps.ts';
import { type Grant, readGrant, type SeriesRecord, updateGrant } from './grant.ts';
import { findSeries, isCancelPending, isOver } from './series.ts';

export interface CancelInput {
  readonly grantId: string;
  readonly scope: 'instance' | 'series';
}

const NOTHING: CancelAnswer = {
  result: 'nothing-to-cancel',
  by: null,
  stoppedExecution: null,
  nextInstance: null,
};

/** Errors after which a cancel stays pending: the next step of the instance carries it out. */
const POSTPONING = [
  ApiUnavailableError,
  ApiThrottledError,
  ApiAuthError,
  GrantRefusedError,
  OAuthClientRefusedError,
  OAuthRequestError,
];

function isCancelled({ cancel, instances }: SeriesRecord, scope: CancelInput['scope']): boolean {
  if (cancel?.scope !== scope) return false;
  const latest = instances.at(-1);
  return scope === 'series' || (latest?.number === cancel.instance && latest?.state === 'cancelled');
}

/** The series to cancel, or one whose cancel is done but for its executions; undefined when there is neither. */
function cancellable(grant: Grant, scope: CancelInput['scope']): SeriesRecord | undefined {
  const series = grant.series.at(-1);
  if (series === undefined) return undefined;
  if (isCancelled(series, scope) && (series.status === 'live' || series.endedBy === 'cancelled'))
    return series;
  if (series.status === 'ended') return undefined;
  const latest = series.instances.at(-1);
  const isOpen = latest !== undefined && !isOver(latest) && latest.requestId !== undefined;
  return scope === 'series' || isOpen ? series : undefined;
}

/** Ends the execution that waits for the instance, and one that was started for the next already. */
async function stopExecutions(
  deps: CancelDeps,
  { grantId, scope }: CancelInput,
  series: SeriesRecord,
): Promise<string | null> {
  const instance = series.cancel?.instance ?? series.instances.at(-1)?.number ?? 1;
  const numbers = scope === 'series' ? [instance, instance + 1] : [instance];
  let stopped: string | null = null;
  for (const number of numbers) {
    const name = executionName({ grantId, series: series.number, instance: number });
    if (await deps.stopExecution(name)) stopped ??= name;
  }
  return stopped;
}

/** Stops the execution that waits to begin the series after one that came to its end. */
async function cancelRenewal(deps: CancelDeps, input: CancelInput, { series }: Grant): Promise<CancelAnswer> {
  const ended = series.at(-1);
  const mayBeRenewed = deps.renewSeries && input.scope === 'series' && ended?.status === 'ended';
  if (!mayBeRenewed || ended.mode === 'ONE_TIME') return NOTHING;
  const stoppedExecution = await stopExecutions(deps, input, ended);
  return stoppedExecution === null ? NOTHING : { ...NOTHING, result: 'cancelled', stoppedExecution };
}

async function startNext(
  deps: CancelDeps,
  { grantId }: CancelInput,
  series: SeriesRecord,
): Promise<number | null> {
  const instance = series.instances.at(-1);
  if (series.status === 'ended' || instance === undefined) return null;
  const next = { grantId, series: series.number, instance: instance.number + 1 };
  await deps.startExecution(executionName(next), next);
  return next.instance;
}

interface Outcome {
  readonly result: CancelAnswer['result'];
  readonly by: CancelAnswer['by'];
}

async function cancelPending(
  deps: CancelDeps,
  grant: Grant,
  number: number,
  isResumed: boolean,
): Promise<Outcome & { readonly grant: Grant }> {
  const update = (change: (present: Grant) => Grant) => updateGrant(deps.grants, grant.grantId, change);
  const work = { apple: deps.connect(grant), grant, now: () => deps.clock.now(), update };
  try {
    const { result, by, grant: written } = await carryOutCancel(work, number, isResumed);
    const series = findSeries(written, number);
    const isOpen = series !== undefined && isCancelPending(series);
    return { result: isOpen ? 'unavailable' : result, by: by ?? null, grant: written };
  } catch (error) {
    if (!POSTPONING.some((kind) => error instanceof kind)) throw error;
    const { name, message } = error as Error;
    deps.log.warn('Apple could not be asked to cancel; the next step of the instance does it', {
      grantId: grant.grantId,
      error: name,
      reason: message,
    });
    return { result: 'unavailable', by: null, grant };
  }
}

/**
 * Cancels what a grant has in progress. The intent is written first, then Apple is asked by the parent id and by the
 * instance id, then it is recorded which worked; last, after the cancel of an instance, the next one is started, whose
 * resubmit decides whether the series lives, and the waiting execution is stopped. A series ends here whatever Apple
 * says. `unavailable` leaves the cancel pending and the execution running, which carries it out: Apple could not be
 * asked, or refuses to cancel an instance that an earlier call may have cancelled, which only its next status tells.
 * Repeating it after a death at any line does the rest. Fails with GrantNotFoundError when there is no such grant,
 * with StorageUnavailableError when S3 cannot take or give it now.
 */
export async function cancelRequest(deps: CancelDeps, input: CancelInput): Promise<CancelAnswer> {
  try {
    return await cancel(deps, input);
  } catch (error) {
    throw transferFailure(`grant ${input.grantId}`, error);
  }
}

async function cancel(deps: CancelDeps, input: CancelInput): Promise<CancelAnswer> {
  const { grantId, scope } = input;
  const present = await readGrant(deps.grants, grantId);
  const target = cancellable(present, scope);
  if (target === undefined) return cancelRenewal(deps, input, present);

  let outcome: Outcome = { result: 'cancelled', by: target.cancel?.by ?? null };
  let grant = present;
  if (!isCancelled(target, scope) || isCancelPending(target)) {
    grant = await updateGrant(deps.grants, grantId, (latest) =>
      beginCancel(latest, target.number, scope, deps.clock.now()),
    );
    const carriedOut = await cancelPending(deps, grant, target.number, isCancelPending(target));
    outcome = { result: carriedOut.result, by: carriedOut.by };
    grant = carriedOut.grant;
  }
  const goesOn = outcome.result === 'unavailable' || (outcome.result === 'refused' && scope === 'instance');
  if (goesOn) return { ...outcome, stoppedExecution: null, nextInstance: null };
  const series = findSeries(grant, target.number) ?? target;
  // Started before the other is stopped: a death between the two must not leave the series without an execution.
  const nextInstance = scope === 'instance' ? await startNext(deps, input, series) : null;
  const stoppedExecution = await stopExecutions(deps, input, series);
  return { ...outcome, stoppedExecution, nextInstance };
}
