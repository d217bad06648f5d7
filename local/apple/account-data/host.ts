import type { Clock } from '../../clock.ts';
import type { StandInHandler, StandInRequest, StandInResponse } from '../../http.ts';
import { readBody } from '../../http.ts';
import { ConnectionResetError } from '../faults/fault-switches.ts';
import { faultAnswer } from './answer-faults.ts';
import { empty } from './answers.ts';
import { changeBody } from './body-faults.ts';
import type { CallSubject, Operation, RecordedCall } from './calls.ts';
import { changeDocument } from './document-faults.ts';
import type { ChosenFaults, FaultKind, FaultRequest, FaultSwitches } from './faults.ts';
import type { Outages } from './outages.ts';
import type { HostName } from './scenario.ts';

/** A call while it is worked on. */
export interface Call {
  readonly request: StandInRequest;
  readonly url: URL;
  readonly body: Buffer;
  readonly operation: Operation | undefined;
  /** Filled in as it becomes known. */
  readonly subject: CallSubject;
}

/** A real answer, and what follows from whether it reached the client. */
export interface CarriedOut {
  readonly answer: StandInResponse;
  readonly onDelivered?: () => void;
  readonly onLost?: () => void;
}

/** What a host adds to what all hosts do. */
export interface HostBehaviour {
  readonly name: HostName;
  /** What a call is and whom it is about, before anything is done; must change nothing. */
  describe(call: Omit<Call, 'operation' | 'subject'>): Pick<Call, 'operation' | 'subject'>;
  carryOut(call: Call): Promise<CarriedOut>;
  /** Ends the access token of a call for good (fault `token-expires`). */
  endToken?(call: Call): void;
}

/** What all hosts share. */
export interface HostParts {
  readonly clock: Clock;
  readonly faults: FaultSwitches;
  readonly outages: Outages;
  readonly calls: RecordedCall[];
}

const NEVER = () => new Promise<never>(() => {});
const BODIES_LEFT_WHOLE: readonly FaultKind[] = ['missing-length', 'dripping-body'];
const NOTHING: Pick<CarriedOut, 'onDelivered' | 'onLost'> = {};

async function changed(answer: StandInResponse, faults: ChosenFaults): Promise<StandInResponse> {
  let current = answer;
  for (const kind of faults.document) current = changeDocument(kind, current);
  for (const kind of faults.body) current = await changeBody(kind, current);
  return faults.changes.reduce((before, change) => change(before), current);
}

/** A handler for one host: record, outages and faults around what the host does. */
export function hostHandler(behaviour: HostBehaviour, parts: HostParts): StandInHandler {
  const { clock, faults, outages, calls } = parts;
  let callNumber = 0;

  async function callOf(request: StandInRequest): Promise<Call> {
    const url = new URL(request.target, 'https://host.invalid');
    const read = { request, url, body: await readBody(request.body) };
    return { ...read, ...behaviour.describe(read) };
  }

  function record(call: Call, status: number, reset?: 'before' | 'after'): void {
    const { method } = call.request;
    calls.push({
      host: behaviour.name,
      operation: call.operation,
      method,
      path: call.url.pathname,
      status,
      at: clock.now(),
      ...call.subject,
      ...(reset === undefined ? {} : { reset }),
    });
  }

  function reset(call: Call, when: 'before' | 'after'): never {
    record(call, 0, when);
    throw new ConnectionResetError(`the connection broke ${when} the call was carried out`);
  }

  async function answered(call: Call, chosen: ChosenFaults): Promise<CarriedOut> {
    if (chosen.replacement !== undefined) return { answer: chosen.replacement };
    if (chosen.answer !== undefined) {
      if (chosen.answer === 'token-expires') behaviour.endToken?.(call);
      return { answer: faultAnswer(chosen.answer, call.request.target, clock.now()) };
    }
    const { answer, ...effects } = await behaviour.carryOut(call);
    // What was changed on the way is not what the host meant to say.
    const isWhole =
      chosen.document.length === 0 && chosen.body.every((kind) => BODIES_LEFT_WHOLE.includes(kind));
    return { answer: await changed(answer, chosen), ...(isWhole ? effects : NOTHING) };
  }

  return async (request) => {
    const call = await callOf(request);
    callNumber += 1;
    const outage = outages.happening(behaviour.name, call.subject.externalId, clock.now());
    if (outage === 'refuse') reset(call, 'before');
    if (outage === '503') {
      record(call, 503);
      return empty(503);
    }
    const faultRequest: FaultRequest = {
      host: behaviour.name,
      operation: call.operation,
      method: request.method,
      path: call.url.pathname,
      headers: request.headers,
      at: clock.now(),
      callNumber: callNumber - 1,
      ...call.subject,
    };
    const chosen = faults.choose(faultRequest);
    if (chosen.connection === 'no-answer') {
      record(call, 0);
      return NEVER();
    }
    if (chosen.connection === 'reset-before-call') reset(call, 'before');
    const { answer, onDelivered, onLost } = await answered(call, chosen);
    if (chosen.connection === 'reset-after-call') {
      onLost?.();
      reset(call, 'after');
    }
    onDelivered?.();
    record(call, answer.status);
    return answer;
  };
}
