import type { AccountDataTransfer } from '../apple/account-data-answers.ts';
import { redact } from '../apple/redact.ts';
import {
  ApiAuthError,
  ApiThrottledError,
  ApiUnavailableError,
  GrantErasedError,
  GrantRefusedError,
  OAuthClientRefusedError,
  OAuthRequestError,
} from '../errors.ts';
import { tombstoneKey } from '../lake/personal-keys.ts';
import { transferFailure } from '../lake/storage-failures.ts';
import { callsStoppedUntil, STOP_MILLISECONDS, stopCalls } from './call-stop.ts';
import type { InstanceReference, StepAnswer } from './contracts.ts';
import type { AppleDeps } from './deps.ts';
import { type Grant, type InstanceRecord, readGrant, updateGrant } from './grant.ts';
import {
  answerNeedsAttention,
  answerRefusedGrant,
  leftAloneUntil,
  withoutRefusals,
} from './grant-refusal.ts';
import { ageSeconds, stoppedPauseSeconds, unavailablePauseSeconds } from './pauses.ts';
import { findInstance, withRenewal } from './series.ts';
import { endedAnswer, waitAnswer, waitUntil } from './step-answers.ts';

/** What one step of an instance works with. */
export interface AppleStep {
  readonly deps: AppleDeps;
  readonly reference: InstanceReference;
  /** The grant as it was when the step began. */
  readonly grant: Grant;
  /** Calls for that grant. */
  readonly apple: AccountDataTransfer;
  /** Changes the grant by compare-and-swap (`updateGrant`) and returns it as written. */
  update(change: (present: Grant) => Grant): Promise<Grant>;
}

/** Whether the grant has a tombstone: nothing of it is published any more. */
export async function isErased(deps: Pick<AppleDeps, 'store'>, grantId: string): Promise<boolean> {
  return (await deps.store.facts(tombstoneKey(grantId))) !== undefined;
}

/** Notes that Apple answered a call, whatever it said: its token was good. */
function watched(apple: AccountDataTransfer, onAnswer: () => void): AccountDataTransfer {
  const noted = async <Result>(call: Promise<Result>): Promise<Result> => {
    const answer = await call;
    onAnswer();
    return answer;
  };
  return {
    submit: (mode) => noted(apple.submit(mode)),
    resubmit: (latest) => noted(apple.resubmit(latest)),
    status: (ids) => noted(apple.status(ids)),
    downloadUrls: (ids) => noted(apple.downloadUrls(ids)),
    cancel: (id) => noted(apple.cancel(id)),
  };
}

/** Why nothing is asked of Apple for the grant at present; undefined when it may be. */
async function standsStill(
  deps: AppleDeps,
  grant: Grant,
  instance: InstanceRecord | undefined,
): Promise<StepAnswer | undefined> {
  const requestId = instance?.requestId;
  if (grant.status === 'revoked') return endedAnswer('grant-revoked', requestId);
  if (grant.status === 'needs-attention') return endedAnswer('needs-attention', requestId);
  const now = deps.clock.now();
  const stoppedUntil = await callsStoppedUntil(deps);
  if (stoppedUntil !== undefined) {
    const seconds = stoppedPauseSeconds(grant.grantId, instance, { stoppedUntil, now });
    return waitAnswer(seconds, 'calls-stopped', requestId);
  }
  const aloneUntil = leftAloneUntil(grant, now);
  return aloneUntil === undefined ? undefined : waitUntil(aloneUntil, now, 'grant-refused', requestId);
}

/** The answer that an error means; errors that nothing is to be made of are thrown again, by their names. */
async function answerOf(
  error: unknown,
  deps: AppleDeps,
  { grantId }: InstanceReference,
  instance: InstanceRecord | undefined,
): Promise<StepAnswer> {
  if (error instanceof GrantRefusedError) {
    return answerRefusedGrant(deps, grantId, { refused: 'refresh-token', instance });
  }
  if (error instanceof ApiAuthError && error.outcome === 'credentials-refused') {
    return answerRefusedGrant(deps, grantId, { refused: 'access-token', instance });
  }
  if (error instanceof OAuthClientRefusedError) {
    await stopCalls(deps);
    const now = deps.clock.now();
    const seconds = stoppedPauseSeconds(grantId, instance, { stoppedUntil: now + STOP_MILLISECONDS, now });
    return waitAnswer(seconds, 'calls-stopped', instance?.requestId);
  }
  if (error instanceof OAuthRequestError || error instanceof ApiAuthError) {
    return answerNeedsAttention(deps, grantId, redact(error.message));
  }
  if (error instanceof ApiThrottledError || error instanceof ApiUnavailableError) {
    deps.log.warn('Apple is not available; the step is tried again later', {
      grantId,
      error: error.name,
      reason: error.message,
    });
    const age = ageSeconds(instance, deps.clock.now());
    return waitAnswer(unavailablePauseSeconds(error, age), 'apple-unavailable', instance?.requestId);
  }
  if (error instanceof GrantErasedError) return endedAnswer('erased', instance?.requestId);
  throw error;
}

type StepWork = (step: AppleStep) => Promise<StepAnswer>;

async function runStep(deps: AppleDeps, reference: InstanceReference, work: StepWork): Promise<StepAnswer> {
  const { grantId } = reference;
  if (await isErased(deps, grantId)) return endedAnswer('erased');
  const grant = await readGrant(deps.grants, grantId);
  const still = await standsStill(deps, grant, findInstance(grant, reference)?.instance);
  if (still !== undefined) return still;

  let answered = false;
  let latest = grant;
  const update: AppleStep['update'] = async (change) => {
    latest = await updateGrant(deps.grants, grantId, change);
    return latest;
  };
  const apple = watched(deps.connect(grant), () => {
    answered = true;
  });
  const clearSigns = async () => {
    if (answered && withoutRefusals(latest) !== latest) await update(withoutRefusals);
  };
  try {
    const answer = await work({ deps, reference, grant, apple, update });
    await clearSigns();
    return deps.renewSeries ? withRenewal(answer, latest, reference) : answer;
  } catch (error) {
    await clearSigns();
    return answerOf(error, deps, reference, findInstance(latest, reference)?.instance);
  }
}

/**
 * Runs one step of an instance that may call Apple. It does nothing for a grant with a tombstone (`erased`), one that
 * is revoked or needs attention (`ended`), while all calls are stopped, or while a refused grant is left alone
 * (`wait`). What Apple refuses, and that it cannot be reached, become answers: see `answerRefusedGrant`, `stopCalls`,
 * `answerNeedsAttention`; a pause of 15 minutes, or an hour where the instance is older than a day, or as long as
 * Apple asks. Every other error is thrown by its name: GrantNotFoundError when there is no such grant,
 * StorageUnavailableError for what passes by itself of S3, wherever in the step it happens.
 */
export async function appleStep(
  deps: AppleDeps,
  reference: InstanceReference,
  work: StepWork,
): Promise<StepAnswer> {
  try {
    return await runStep(deps, reference, work);
  } catch (error) {
    throw transferFailure(`grant ${reference.grantId}`, error);
  }
}
