import { GrantNotFoundError } from '../errors.ts';
import { noteRefusal, STOP_MILLISECONDS } from './call-stop.ts';
import type { StepAnswer } from './contracts.ts';
import type { AppleDeps } from './deps.ts';
import { type Grant, type InstanceRecord, updateGrant } from './grant.ts';
import { stoppedPauseSeconds } from './pauses.ts';
import { endSeries } from './series.ts';
import { endedAnswer, waitAnswer, waitUntil } from './step-answers.ts';

const HOUR = 3_600_000;

/** A second sign counts when it comes so long after the first. */
const SECOND_SIGN_MILLISECONDS = 24 * HOUR;

/** So long a second sign must stay one of few before the grant is revoked. */
const CONFIRMATION_MILLISECONDS = HOUR;

const FRESH_TOKEN_REFUSED =
  "Apple's API refuses (401), a day apart, access tokens that Apple has just issued for this grant: check the client's approval for the service, or wait for the end of an incident at Apple, then import the grant again.";

/** Until when a grant that Apple refused is left alone, milliseconds since 1970; undefined when it may be used. */
export function leftAloneUntil(grant: Grant, now: number): number | undefined {
  const first = grant.refusedAt === undefined ? 0 : Date.parse(grant.refusedAt) + SECOND_SIGN_MILLISECONDS;
  const second =
    grant.refusedAgainAt === undefined ? 0 : Date.parse(grant.refusedAgainAt) + CONFIRMATION_MILLISECONDS;
  const until = Math.max(first, second);
  return until > now ? until : undefined;
}

/** The grant without the signs of a revocation; the same object when it has none. */
export function withoutRefusals(grant: Grant): Grant {
  if (grant.refusedAt === undefined && grant.refusedAgainAt === undefined) return grant;
  const { refusedAt: _, refusedAgainAt: __, ...rest } = grant;
  return rest;
}

/** The grant without the signs that are younger than `since`, milliseconds since 1970. */
function withoutRefusalsSince(grant: Grant, since: number): Grant {
  if (grant.refusedAt !== undefined && Date.parse(grant.refusedAt) > since) return withoutRefusals(grant);
  if (grant.refusedAgainAt === undefined || Date.parse(grant.refusedAgainAt) <= since) return grant;
  const { refusedAgainAt: _, ...rest } = grant;
  return rest;
}

type Sign = 'first' | 'second' | 'confirmed';

/** Which sign a refusal at `now` is, seen from what the grant already bears. */
function signOf(grant: Grant, now: number): Sign | undefined {
  if (grant.refusedAt === undefined) return 'first';
  if (leftAloneUntil(grant, now) !== undefined) return undefined;
  return grant.refusedAgainAt === undefined ? 'second' : 'confirmed';
}

function marked(grant: Grant, sign: Sign | undefined, now: number): Grant {
  const at = new Date(now).toISOString();
  if (sign === 'first') return { ...grant, refusedAt: at };
  if (sign === 'second') return { ...grant, refusedAgainAt: at };
  return grant;
}

function revoked(grant: Grant, now: number): Grant {
  if (grant.status === 'revoked') return grant;
  const series = grant.series.map((present) => endSeries(present, 'grant', now));
  return { ...grant, status: 'revoked', series };
}

export interface Refusal {
  /** `refresh-token`: Apple's `invalid_grant`; `access-token`: a 401 to an access token that was just refreshed. */
  readonly refused: 'refresh-token' | 'access-token';
  /** The one that the step works on. */
  readonly instance: InstanceRecord | undefined;
}

/**
 * What a step answers when Apple refused its grant. The first refusal leaves the grant alone for 24 hours; a second one
 * after that, when it is still one of few an hour later, makes it revoked and ends its series. Only refused refresh
 * tokens revoke: where the refusal after the first one is that of a fresh access token, the grant needs attention. Many
 * refusals within an hour stop all calls instead, and the marks of that hour are void.
 */
export async function answerRefusedGrant(
  deps: AppleDeps,
  grantId: string,
  { refused, instance }: Refusal,
): Promise<StepAnswer> {
  const now = deps.clock.now();
  let sign: Sign | undefined;
  const grant = await updateGrant(deps.grants, grantId, (present) => {
    sign = signOf(present, now);
    return refused === 'refresh-token' || sign === 'first' ? marked(present, sign, now) : present;
  });
  const many = await noteRefusal(deps, grantId, async (grantIds, since) => {
    for (const id of grantIds) await voidRefusals(deps, id, since);
  });
  if (many) {
    const seconds = stoppedPauseSeconds(grantId, instance, { stoppedUntil: now + STOP_MILLISECONDS, now });
    return waitAnswer(seconds, 'calls-stopped', instance?.requestId);
  }
  const isAgain = sign === 'second' || sign === 'confirmed';
  if (isAgain && refused === 'access-token') return answerNeedsAttention(deps, grantId, FRESH_TOKEN_REFUSED);
  if (sign === 'confirmed') return revoke(deps, grantId, now);
  if (sign === 'first') {
    deps.metrics.count('GrantsRefused', 1);
    deps.log.warn('Apple refused the grant; it is left alone for 24 hours', { grantId });
  }
  return waitUntil(leftAloneUntil(grant, now) ?? now, now, 'grant-refused');
}

async function voidRefusals(deps: AppleDeps, grantId: string, since: number): Promise<void> {
  try {
    await updateGrant(deps.grants, grantId, (present) => withoutRefusalsSince(present, since));
  } catch (error) {
    // It was erased since it was refused.
    if (!(error instanceof GrantNotFoundError)) throw error;
  }
}

async function revoke(deps: AppleDeps, grantId: string, now: number): Promise<StepAnswer> {
  let newly = false;
  await updateGrant(deps.grants, grantId, (present) => {
    const changed = revoked(present, now);
    newly = changed !== present;
    return changed;
  });
  if (newly) {
    deps.metrics.count('GrantsRevoked', 1);
    deps.log.warn('Apple refused the grant again a day later; it is revoked and its series ended', {
      grantId,
    });
  }
  return endedAnswer('grant-revoked');
}

/**
 * Marks a grant for a person to look at, with the reason, and ends the execution; signs of a revocation are void then.
 * Repeating it is harmless.
 */
export async function answerNeedsAttention(
  deps: AppleDeps,
  grantId: string,
  reason: string,
): Promise<StepAnswer> {
  let newly = false;
  await updateGrant(deps.grants, grantId, (present) => {
    newly = present.status === 'active';
    return newly ? { ...withoutRefusals(present), status: 'needs-attention', attention: reason } : present;
  });
  if (newly) {
    deps.metrics.count('GrantsNeedAttention', 1);
    deps.log.warn('The grant needs attention; nothing is asked with it until it is imported again', {
      grantId,
      reason,
    });
  }
  return endedAnswer('needs-attention');
}
