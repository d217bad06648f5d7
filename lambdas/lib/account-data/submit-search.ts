import type { SubmitAnswer } from '../apple/account-data-answers.ts';
import { adopt } from './adoption.ts';
import { idsOf, isSameId, namedIds } from './blocking-series.ts';
import { cancelAtApple, finishPendingCancels } from './cancellation.ts';
import type { Grant, SeriesRecord } from './grant.ts';
import { answerForbidden, endByApple } from './resubmit-answers.ts';
import { endCall, latestIds } from './submission.ts';
import type { AskedCall, Settled } from './submit-request.ts';

/**
 * What the answer to a submit means that was made to learn the id of a lost resubmit. Apple's duplicate error names
 * the new instance of our series, which is adopted. Where it names only the series or an instance that we know, or
 * nothing, the instance cannot be found: the series ends. A series that Apple really created is cancelled at once.
 */
export async function settleSearch(
  asked: AskedCall,
  parentRequestId: string,
  answer: SubmitAnswer,
): Promise<Settled> {
  await asked.step.update((grant) => endCall(grant, asked.step.reference));
  if (answer.result === 'refused') return answer.status === 400 ? endByApple(asked) : answerForbidden(asked);
  const ids = namedIds(answer);
  const isOurs = ids.some((id) => isSameId(id, parentRequestId));
  const known = idsOf(asked.series);
  const unknown = ids.filter((id) => !known.some((other) => isSameId(id, other)));
  const candidate = unknown.length === 1 ? unknown[0] : undefined;
  if (candidate !== undefined && (isOurs || (await isInstanceOf(asked, parentRequestId, candidate)))) {
    const { intent } = asked.instance;
    return adopt(asked, {
      parentRequestId,
      requestId: candidate,
      delay: undefined,
      since: Date.parse(intent.since ?? intent.at),
      transactionId: answer.transactionId,
    });
  }
  if (unknown.length === 0) return endUnfound(asked, parentRequestId);
  return endForeign(asked, answer);
}

async function isInstanceOf(
  { step }: AskedCall,
  parentRequestId: string,
  requestId: string,
): Promise<boolean> {
  const { jobStatus } = await step.apple.status({ parentRequestId, requestId });
  return jobStatus !== 'request_not_found';
}

/** The series lives at Apple with an instance that nobody can name: nobody would fetch it. */
async function endUnfound(asked: AskedCall, parentRequestId: string): Promise<Settled> {
  const { step, series } = asked;
  await cancelAtApple(step.apple, {
    parentRequestId,
    requestId: latestIds(series, step.reference)?.requestId,
  });
  return endByApple(asked);
}

/** Another series than ours, of which nothing is wanted: recorded, cancelled, and ours ends. */
async function endForeign(
  asked: AskedCall,
  answer: Exclude<SubmitAnswer, { readonly result: 'refused' }>,
): Promise<Settled> {
  const { step } = asked;
  const now = () => step.deps.clock.now();
  const ended = await endByApple(asked);
  const grant = await step.update((present) => withForeignSeries(present, asked.series, answer, now()));
  await finishPendingCancels({ ...step, grant, now });
  return ended;
}

/** The grant with that series as one of its own, about to be cancelled. */
function withForeignSeries(
  grant: Grant,
  { mode, submittedMode, service }: SeriesRecord,
  answer: Exclude<SubmitAnswer, { readonly result: 'refused' }>,
  now: number,
): Grant {
  const at = new Date(now).toISOString();
  const [first] = namedIds(answer);
  const parentRequestId = answer.parentRequestId ?? first;
  const number = (grant.series.at(-1)?.number ?? 0) + 1;
  const requestId = answer.requestId;
  const foreign: SeriesRecord = {
    number,
    mode,
    submittedMode,
    service,
    ...(parentRequestId === undefined ? {} : { parentRequestId }),
    firstSubmittedAt: at,
    lastSubmittedAt: at,
    status: 'live',
    cancel: { scope: 'series', at, instance: 1 },
    instances: [
      {
        number: 1,
        state: 'in-progress',
        intent: { call: 'submit', at, since: at, tries: 0 },
        ...(requestId === undefined ? {} : { requestId, submittedAt: at, notBefore: at }),
        failedRequestIds: [],
        transactionIds: { submit: answer.transactionId },
      },
    ],
  };
  return { ...grant, series: [...grant.series, foreign] };
}
