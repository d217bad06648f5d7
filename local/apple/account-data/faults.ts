import type { StandInResponse } from '../../http.ts';
import type { CallSubject, Operation } from './calls.ts';
import type { AccountDataWorld, HostName } from './scenario.ts';

type Stage = 'answer' | 'document' | 'body' | 'connection';

const API_OPERATIONS = ['submit', 'resubmit', 'status', 'fetch', 'cancel'] as const;
const WITH_DELAY = ['submit', 'resubmit', 'status'] as const;

/**
 * Every fault that can be switched on by name: where it takes hold, what it does, and to which operations it can
 * happen (any, when none stand here). `answer`: instead of the real answer, nothing is carried out; `document`: the
 * answer's JSON is changed; `body`: the archive's bytes are changed; `connection`: the connection breaks.
 */
const FAULTS = {
  'internal-error': ['answer', '500 without a body'],
  unavailable: ['answer', '503 without a body'],
  'bad-gateway': ['answer', '502 with a page'],
  'rate-limited': ['answer', '429 without Retry-After'],
  'rate-limited-seconds': ['answer', '429 with Retry-After: 30'],
  'rate-limited-date': ['answer', '429 with Retry-After as a date 45 seconds ahead'],
  'bad-request': ['answer', '400 without a body'],
  'not-authorized': ['answer', '401 although the credential is good'],
  forbidden: ['answer', '403 without a body'],
  'not-found': ['answer', '404 without a body'],
  gone: ['answer', '410 without a body'],
  'html-200': ['answer', 'a page with status 200'],
  'not-json': ['answer', '200, says application/json and is cut in the middle'],
  redirect: ['answer', '302 to another host'],
  'redirect-to-itself': ['answer', '307 to the very same address'],
  'redirect-to-loopback': ['answer', '307 to https://127.0.0.1'],
  'token-expires': ['answer', '401; the access token of the call has ended for good', API_OPERATIONS],
  'invalid-request': ['answer', 'ErrorResponse invalid_request', ['token', 'revoke']],
  'invalid-client': ['answer', 'ErrorResponse invalid_client', ['token', 'revoke']],
  'invalid-grant': ['answer', 'ErrorResponse invalid_grant', ['token']],
  'unauthorized-client': ['answer', 'ErrorResponse unauthorized_client', ['token']],
  'unsupported-grant-type': ['answer', 'ErrorResponse unsupported_grant_type', ['token']],
  'invalid-scope': ['answer', 'ErrorResponse invalid_scope', ['token']],
  'missing-request-id': ['document', 'no requestId', ['submit', 'resubmit']],
  'missing-delay': ['document', 'no statusCheckDelay', WITH_DELAY],
  'zero-delay': ['document', 'statusCheckDelay 0', WITH_DELAY],
  'negative-delay': ['document', 'statusCheckDelay -60', WITH_DELAY],
  'text-delay': ['document', 'statusCheckDelay "soon"', WITH_DELAY],
  'huge-delay': ['document', 'statusCheckDelay of ten days', WITH_DELAY],
  'unknown-job-status': ['document', 'a jobStatus that nobody knows', ['status']],
  'unknown-fields': ['document', 'fields that nobody knows', API_OPERATIONS],
  'missing-list': ['document', 'no assetInfo', ['fetch']],
  'empty-list': ['document', 'assetInfo is empty', ['fetch']],
  'list-of-numbers': ['document', 'assetInfo holds numbers', ['fetch']],
  'reversed-list': ['document', 'assetInfo the other way round', ['fetch']],
  'shorter-list': ['document', 'assetInfo without its last entry', ['fetch']],
  'expired-urls': ['document', 'URLs that are not honoured any more', ['fetch']],
  'last-url-expired': ['document', 'the last URL is not honoured any more', ['fetch']],
  'url-http': ['document', 'URLs with http', ['fetch']],
  'url-loopback': ['document', 'URLs that lead to 127.0.0.1', ['fetch']],
  'url-private-address': ['document', 'URLs that lead to 10.0.0.1', ['fetch']],
  'url-other-port': ['document', 'URLs with another port', ['fetch']],
  'url-userinfo': ['document', 'URLs with a user name', ['fetch']],
  'truncated-archive': ['body', 'the archive without its last third, Content-Length fitting'],
  'wrong-bytes': ['body', 'the right length, one byte in the middle changed'],
  'shorter-than-length': ['body', 'Content-Length says one byte more than comes'],
  'longer-than-length': ['body', 'one byte more comes than Content-Length says'],
  'missing-length': ['body', 'no Content-Length'],
  'cut-body': ['body', 'the connection breaks in the middle of the archive'],
  'stalled-body': ['body', 'half of the archive, then nothing for ever'],
  'dripping-body': ['body', 'the archive in pieces of 64 bytes'],
  'reset-before-call': ['connection', 'the connection breaks, nothing was done'],
  'reset-after-call': ['connection', 'the connection breaks after the call was carried out'],
  'no-answer': ['connection', 'nothing is done and the call is never answered'],
} as const satisfies Readonly<Record<string, readonly [Stage, string, (readonly Operation[])?]>>;

export type FaultKind = keyof typeof FAULTS;

/** The names of all faults. */
export const FAULT_KINDS = Object.keys(FAULTS) as [FaultKind, ...FaultKind[]];

/** One line per fault. */
export function describeFaults(): string[] {
  return FAULT_KINDS.map((kind) => `${kind}: ${FAULTS[kind][1]}`);
}

/** A call as the predicate of a fault sees it. */
export interface FaultRequest extends Readonly<CallSubject> {
  readonly host: HostName;
  readonly operation: Operation | undefined;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds by the world's clock. */
  readonly at: number;
  /** How many calls this host has had before. */
  readonly callNumber: number;
}

/** A fault that is switched on. */
export interface Fault {
  /** A named fault, a ready answer, or a change of the real answer (which is carried out first). */
  readonly respond: FaultKind | StandInResponse | ((answer: StandInResponse) => StandInResponse);
  /** Which calls; all that the fault can happen to when left out. */
  readonly on?: (request: FaultRequest) => boolean;
  /** How often in all; always when left out. */
  readonly times?: number;
  /** So many matching calls pass first. */
  readonly after?: number;
}

interface ActiveFault {
  readonly fault: Fault;
  matched: number;
  fired: number;
}

/** Faults that are chosen for one call, by where they take hold. */
export interface ChosenFaults {
  readonly answer: FaultKind | undefined;
  readonly document: readonly FaultKind[];
  readonly body: readonly FaultKind[];
  readonly connection: FaultKind | undefined;
  readonly replacement: StandInResponse | undefined;
  readonly changes: readonly ((answer: StandInResponse) => StandInResponse)[];
}

function canHappenTo(kind: FaultKind, { host, operation }: FaultRequest): boolean {
  const [stage, , operations]: readonly [Stage, string, (readonly Operation[])?] = FAULTS[kind];
  if (stage === 'body') return host === 'assets';
  if (operations === undefined) return true;
  return operation !== undefined && operations.includes(operation);
}

function happens(active: ActiveFault, request: FaultRequest): boolean {
  const { respond, on, after = 0, times = Number.POSITIVE_INFINITY } = active.fault;
  if (typeof respond === 'string' && !canHappenTo(respond, request)) return false;
  if (on !== undefined && !on(request)) return false;
  active.matched += 1;
  if (active.matched <= after || active.fired >= times) return false;
  active.fired += 1;
  return true;
}

/** The faults of a world: switched on and off at any time. */
export class FaultSwitches {
  readonly #active: ActiveFault[] = [];

  /** Switches a fault on; the returned function switches it off. */
  add(fault: Fault): () => void {
    const active: ActiveFault = { fault, matched: 0, fired: 0 };
    this.#active.push(active);
    return () => {
      const index = this.#active.indexOf(active);
      if (index >= 0) this.#active.splice(index, 1);
    };
  }

  /** Switches the faults of a scenario on. */
  addScenario(faults: AccountDataWorld['faults']): void {
    for (const { kind, times, after, host, operation, externalId } of faults)
      this.add({
        respond: kind,
        after,
        ...(times === undefined ? {} : { times }),
        on: (request) =>
          (host === undefined || request.host === host) &&
          (operation === undefined || request.operation === operation) &&
          (externalId === undefined || request.externalId === externalId),
      });
  }

  /** Switches everything off. */
  clear(): void {
    this.#active.length = 0;
  }

  /** How often the faults that are on have happened so far. */
  get fired(): number {
    return this.#active.reduce((sum, { fired }) => sum + fired, 0);
  }

  /** The faults that happen to a call; counts them. */
  choose(request: FaultRequest): ChosenFaults {
    const responds = this.#active
      .filter((active) => happens(active, request))
      .map(({ fault }) => fault.respond);
    const kinds = responds.filter((respond) => typeof respond === 'string');
    const of = (stage: Stage) => kinds.filter((kind) => FAULTS[kind][0] === stage);
    return {
      answer: of('answer')[0],
      document: of('document'),
      body: of('body'),
      connection: of('connection')[0],
      replacement: responds.find((respond) => typeof respond === 'object'),
      changes: responds.filter((respond) => typeof respond === 'function'),
    };
  }
}
