import type { SubmitAnswer } from '../apple/account-data-answers.ts';
import { isAppStoreInfoOnly } from '../apple/scopes.ts';
import { adopt } from './adoption.ts';
import { type ExistsAnswer, endedSeriesOf, isSameId, namedIds } from './blocking-series.ts';
import type { StepAnswer } from './contracts.ts';
import type { Grant, SeriesRecord } from './grant.ts';
import { answerNeedsAttention } from './grant-refusal.ts';
import { SERIES_TERMS, withInstance, withSeries } from './series.ts';
import { waitUntil } from './step-answers.ts';
import { endCall } from './submission.ts';
import type { AskedCall, Settled } from './submit-request.ts';
import { settleSearch } from './submit-search.ts';

/** What the answer to a submit means: see the functions of this file. */
export async function settleSubmit(asked: AskedCall, answer: SubmitAnswer): Promise<Settled> {
  const { parentRequestId: ours, submittedMode } = asked.series;
  if (ours !== undefined && submittedMode !== 'ONE_TIME') return settleSearch(asked, ours, answer);
  if (answer.result === 'refused') return settleRefusal(asked, answer.status);
  const inTheWay = endedSeriesOf(asked.grant, namedIds(answer));
  if (inTheWay !== undefined) return makeWay(asked, answer, inTheWay);
  if (answer.result === 'exists') return settleExisting(asked, answer);
  const { parentRequestId, requestId, delay, transactionId } = answer;
  const now = asked.step.deps.clock.now();
  return adopt(asked, { parentRequestId, requestId, delay, transactionId, since: now });
}

/** A request that exists and is none that we ended: ours, whose answer was lost, if all its ids are named. */
async function settleExisting(asked: AskedCall, answer: ExistsAnswer): Promise<Settled> {
  const { series, instance } = asked;
  const { parentRequestId, requestId, transactionId } = answer;
  const isRecurring = series.submittedMode !== 'ONE_TIME';
  if (requestId === undefined || (parentRequestId !== undefined) !== isRecurring) {
    return makeWay(asked, answer, undefined);
  }
  const since = Date.parse(instance.intent.since ?? instance.intent.at);
  return adopt(asked, { parentRequestId, requestId, delay: undefined, transactionId, since });
}

/**
 * Whether an answer tells surely of a request that exists: by a named field, or by an id that an answer before it had
 * too. Loose UUIDs that change from one answer to the next are those of the answers themselves.
 */
function isNamedAgain(answer: ExistsAnswer, before: readonly string[]): boolean {
  if (answer.parentRequestId !== undefined || answer.requestId !== undefined) return true;
  return namedIds(answer).some((id) => before.some((other) => isSameId(id, other)));
}

/**
 * Cancels what stands in the way of a submit, once, and submits anew; where that did not help, waits until Apple
 * forgets it: day 14, 40 or 190 of its first submit (of ours where the series is unknown). What is still in the way
 * then needs a person's attention. Where nothing but loose UUIDs speaks for a request that exists, and the second answer
 * names none of the first one's, it is a refusal.
 */
async function makeWay(
  asked: AskedCall,
  answer: Exclude<SubmitAnswer, { readonly result: 'refused' }>,
  ended: SeriesRecord | undefined,
): Promise<Settled> {
  const { step, progress } = asked;
  if (progress.cancelledIds !== undefined) {
    if (ended !== undefined || answer.result === 'created') return waitOut(asked, ended);
    return isNamedAgain(answer, progress.cancelledIds)
      ? waitOut(asked, ended)
      : settleRefusal(asked, answer.status);
  }
  const ids = ended === undefined ? namedIds(answer) : latestIdsOf(ended);
  progress.cancelledIds = ids;
  for (const id of ids) {
    if ((await step.apple.cancel(id)).result === 'cancelled') break;
  }
  await step.update((grant) => endCall(grant, step.reference));
  return 'again';
}

function latestIdsOf({ parentRequestId, instances }: SeriesRecord): readonly string[] {
  return namedIds({ parentRequestId, requestId: instances.at(-1)?.requestId });
}

async function waitOut(asked: AskedCall, ended: SeriesRecord | undefined): Promise<StepAnswer> {
  const { step, series, instance } = asked;
  const { deps, reference } = step;
  const now = deps.clock.now();
  const from = ended?.firstSubmittedAt ?? instance.intent.since ?? instance.intent.at;
  const { life } = SERIES_TERMS[(ended ?? series).submittedMode];
  const until = Date.parse(from) + life;
  if (instance.blockedUntil !== undefined || until <= now) {
    return answerNeedsAttention(
      deps,
      reference.grantId,
      `Apple refuses a new request because of one that should have run out on ${new Date(until).toISOString().slice(0, 10)}: ask Apple's support, and start the series again.`,
    );
  }
  const blockedUntil = new Date(until).toISOString();
  await step.update((grant) =>
    withInstance(endCall(grant, reference), reference, (present) => ({ ...present, blockedUntil })),
  );
  deps.metrics.count('RequestsWaitedOut', 1);
  deps.log.warn('A request that Apple still holds is waited out', { ...reference, blockedUntil });
  return waitUntil(until, now, 'in-progress');
}

/** Whether Apple has ever taken a one-time request of the grant in place of a recurring one. */
function isFallbackProven({ series }: Grant): boolean {
  return series.some(
    ({ mode, submittedMode, firstSubmittedAt }) => mode !== submittedMode && firstSubmittedAt !== undefined,
  );
}

/** The grant that repeats one-time requests from now on instead of the series' mode. */
function fallenBack(grant: Grant, number: number): Grant {
  const changed = withSeries(grant, number, (series) => ({ ...series, submittedMode: 'ONE_TIME' }));
  return { ...changed, fallback: 'ONE_TIME' };
}

/** The grant without a fallback that Apple refused too: the mode was not the reason. */
function withoutFallback(grant: Grant, number: number): Grant {
  const { fallback, ...rest } = withSeries(grant, number, (series) =>
    series.submittedMode === series.mode ? series : { ...series, submittedMode: series.mode },
  );
  return fallback === undefined || isFallbackProven(grant) ? grant : rest;
}

/**
 * A mode that Apple refuses to an App Store information scope becomes repeated one-time requests; where Apple refuses
 * the first of those too, the mode stays as it was, and the grant needs attention.
 */
async function settleRefusal(asked: AskedCall, status: number): Promise<Settled> {
  const { step, grant, series, instance } = asked;
  const { deps, reference } = step;
  const mayFallBack =
    series.submittedMode !== 'ONE_TIME' && instance.number === 1 && isAppStoreInfoOnly(grant.scopes);
  await step.update((present) => {
    const ended = endCall(present, reference);
    return mayFallBack ? fallenBack(ended, reference.series) : withoutFallback(ended, reference.series);
  });
  if (mayFallBack) {
    deps.log.warn('Apple refuses the recurring mode to this scope; one-time requests are tried instead', {
      ...reference,
    });
    return 'again';
  }
  return answerNeedsAttention(
    deps,
    reference.grantId,
    `Apple refuses (${status}) to submit a ${series.submittedMode} request: check scopes, region and approval of the client, then start the series again.`,
  );
}
