import type { Clock } from '../../clock.ts';
import { DAY_MILLISECONDS } from '../calendar.ts';
import { json } from './answers.ts';
import type { CallSubject } from './calls.ts';
import type { Person } from './consents.ts';
import type { CarriedOut } from './host.ts';
import type { RequestLedger, TransferRequest } from './request-ledger.ts';
import { ABSENT_DELAY, type AccountDataWorld, type Service } from './scenario.ts';
import type { Violations } from './violations.ts';

/** What the operations work on. */
export interface TransferParts {
  readonly world: AccountDataWorld;
  readonly clock: Clock;
  readonly ledger: RequestLedger;
  readonly violations: Violations;
  /** New URLs of a request's archives, as its list shows them at the n-th fetch from 0. */
  readonly urlsOf: (request: TransferRequest, fetch: number) => string[];
}

/** Who asks for what. */
export interface TransferCall {
  readonly person: Person;
  readonly service: Service;
  readonly subject: CallSubject;
  /** Path ids and fields of the body. */
  readonly ids: Readonly<Record<string, unknown>>;
}

/** Carries a call out; what it changes at once is changed even when the answer is lost. */
export type TransferOperation = (parts: TransferParts, call: TransferCall) => CarriedOut;

/** A client may wait so long at most, however long Apple asks for: completed requests live for three days. */
const LONGEST_DUE_MILLISECONDS = 2 * DAY_MILLISECONDS;

/** 400 as the simulation words it: Apple documents no body. */
export const REFUSED: CarriedOut = {
  answer: json(400, { status: 'error', statusMessage: 'invalid_request' }),
};

function isAbsent(delay: unknown): boolean {
  return JSON.stringify(delay) === JSON.stringify(ABSENT_DELAY);
}

/** The next statusCheckDelay of a request as a field, and when the client may then ask again. */
export function nextDelay({ world, clock }: TransferParts, request: TransferRequest) {
  const { delays, statusCheckDelaySeconds } = request.person.scenario;
  const usual = statusCheckDelaySeconds ?? world.statusCheckDelaySeconds;
  const delay = delays === undefined ? usual : delays[Math.min(request.delaysTold, delays.length - 1)];
  const seconds = typeof delay === 'number' && Number.isFinite(delay) && delay > 0 ? delay : 0;
  return {
    field: isAbsent(delay) ? {} : { statusCheckDelay: delay },
    notBefore: clock.now() + Math.min(seconds * 1000, LONGEST_DUE_MILLISECONDS),
  };
}

/** Tells the client when to ask again: counts once the answer is delivered. */
export function promise(request: TransferRequest, notBefore: number): () => void {
  return () => {
    request.delaysTold += 1;
    request.notBefore = notBefore;
  };
}
