import { readBody, type StandInHandler, type StandInRequest, type StandInResponse } from '../http.ts';
import { type ApiKeys, ROLE_RIGHTS } from './api-keys.ts';
import { OPERATIONS, type OperationResult } from './api-operations.ts';
import { matchRoute, type Route, refuseUnmatched } from './api-routes.ts';
import { authenticate, checkScope, claimedKeyId } from './authentication.ts';
import type { RecordedCall } from './calls.ts';
import { type ApiDocument, printDocument } from './documents.ts';
import { answerFault } from './faults/answer-faults.ts';
import { changeDocument } from './faults/document-faults.ts';
import {
  type ChosenFaults,
  ConnectionResetError,
  type FaultRequest,
  type FaultSwitches,
} from './faults/fault-switches.ts';
import { parseParameters } from './parameters.ts';
import { base32Of, uuidOf } from './random.ts';
import type { RateLimits } from './rate-limits.ts';
import { AppleRefusal, rateLimitExceeded, roleForbidden } from './refusals.ts';
import { assertJsonType } from './request-body.ts';
import { subjectOf } from './segments.ts';
import type { SimulatedAccount } from './simulated-account.ts';

/** What the API host is made of. */
export interface ApiHostParts {
  readonly account: SimulatedAccount;
  readonly keys: ApiKeys;
  readonly limits: RateLimits;
  readonly faults: FaultSwitches;
  readonly calls: RecordedCall[];
  /** Asked at every call: origins are known only once the servers listen. */
  readonly origin: () => string;
  readonly mintUrl: (path: string) => string;
}

interface Call {
  readonly request: StandInRequest;
  readonly url: URL;
  readonly number: number;
  readonly matched: { readonly route: Route; readonly id: string } | undefined;
}

const NEVER = () => new Promise<never>(() => {});

function errorDocument(refusal: AppleRefusal, seed: number, callNumber: number): object {
  const ids = {
    uuid: { id: uuidOf(seed, 'error', callNumber) },
    edge: { id: base32Of(26, seed, 'error', callNumber) },
    none: {},
  };
  return { errors: [{ ...ids[refusal.idStyle], ...refusal.entry }] };
}

/** The API host of simulated App Store Connect: authentication, limits, faults, operations, in Apple's order. */
export class ApiHost {
  readonly #parts: ApiHostParts;
  #callCount = 0;

  constructor(parts: ApiHostParts) {
    this.#parts = parts;
  }

  readonly handle: StandInHandler = async (request) => {
    const call = this.#callOf(request);
    const faults = this.#parts.faults.choose(this.#faultRequest(call));
    if (faults.connection === 'no-answer') {
      this.#record(call, 0);
      return NEVER();
    }
    if (faults.connection === 'reset-before-call') {
      this.#record(call, 0, 'before');
      throw new ConnectionResetError('the connection broke before the call');
    }
    const answer = await this.#answer(call, faults);
    if (faults.connection === 'reset-after-call') {
      this.#record(call, 0, 'after');
      throw new ConnectionResetError('the connection broke after the call');
    }
    this.#record(call, answer.status);
    return answer;
  };

  #callOf(request: StandInRequest): Call {
    this.#callCount += 1;
    const url = new URL(request.target, this.#parts.origin());
    return { request, url, number: this.#callCount, matched: matchRoute(request.method, url.pathname) };
  }

  #record(call: Call, status: number, reset?: 'before' | 'after'): void {
    const { method, target, headers } = call.request;
    const at = this.#parts.account.clock.now();
    const keyId = claimedKeyId(headers.authorization);
    this.#parts.calls.push({ method, target, status, at, keyId, ...(reset === undefined ? {} : { reset }) });
  }

  #faultRequest({ request, url, number, matched }: Call): FaultRequest {
    return {
      host: 'api',
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      operation: matched?.route.name,
      callNumber: number - 1,
      ...this.#aboutOf(matched),
    };
  }

  #aboutOf(matched: Call['matched']): Pick<FaultRequest, 'appId' | 'subject'> {
    const { account } = this.#parts;
    const path = matched?.route.path ?? '';
    const id = matched?.id ?? '';
    if (path.startsWith('/v1/apps/')) return { appId: id, subject: { appId: id } };
    if (path.startsWith('/v1/analyticsReportRequests/')) {
      const request = account.requests.byId(id);
      return { appId: request?.appId, subject: request === undefined ? {} : { access: request.accessType } };
    }
    if (path.startsWith('/v1/analyticsReports/')) {
      const report = account.reportById(id);
      return {
        appId: report?.request.appId,
        subject:
          report === undefined ? {} : { report: report.report.name, access: report.request.accessType },
      };
    }
    const isSegment = path.startsWith('/v1/analyticsReportSegments/');
    const instance = isSegment ? account.segmentById(id)?.instance : account.instanceById(id);
    return { appId: instance?.app.id, subject: instance === undefined ? {} : subjectOf(instance) };
  }

  async #answer(call: Call, faults: ChosenFaults): Promise<StandInResponse> {
    const answer = await this.#answerBeforeChanges(call, faults);
    return faults.changes.reduce((current, change) => change(current), answer);
  }

  async #answerBeforeChanges(call: Call, faults: ChosenFaults): Promise<StandInResponse> {
    const { account } = this.#parts;
    if (faults.replacement !== undefined) return faults.replacement;
    if (faults.answer !== undefined) {
      const key = base32Of(26, account.world.seed, 'correlation', call.number);
      const fault = answerFault(faults.answer, call.request.method, key, account.clock.now());
      return 'edge' in fault ? fault.edge : this.#refused(call, fault.refusal, fault.headers);
    }
    try {
      const result = await this.#carryOut(call);
      if (result.document === undefined)
        return { status: result.status, headers: this.#headers(call), body: '' };
      const context = { url: call.url.href, callNumber: call.number };
      const document = faults.document.reduce<ApiDocument>(
        (current, kind) => changeDocument(kind, current, context),
        result.document,
      );
      return this.#written(call, result.status, document);
    } catch (error) {
      if (error instanceof AppleRefusal) return this.#refused(call, error);
      throw error;
    }
  }

  async #carryOut({ request, url, matched }: Call): Promise<OperationResult> {
    const { account, keys, limits, origin, mintUrl } = this.#parts;
    const caller = await authenticate(request.headers.authorization, keys, account.clock.now());
    if (!limits.admit(caller.key.keyId, account.clock.now())) throw rateLimitExceeded();
    checkScope(caller, request.method, request.target);
    if (matched === undefined) return refuseUnmatched(request.method, url.pathname);
    const { route, id } = matched;
    if (!ROLE_RIGHTS[caller.key.role].includes(route.right)) throw roleForbidden();
    const parameters = parseParameters(url, route.parameters);
    if (route.method === 'POST') assertJsonType(request.headers['content-type']);
    const body = route.method === 'POST' ? (await readBody(request.body)).toString('utf8') : '';
    return OPERATIONS[route.name]({
      account,
      origin: origin(),
      path: url.pathname,
      id,
      parameters,
      body,
      mintUrl,
    });
  }

  #headers(call: Call): Record<string, string> {
    const { account, limits } = this.#parts;
    const { seed } = account.world;
    const requestId = uuidOf(seed, 'call', call.number);
    const now = account.clock.now();
    return {
      server: 'daiquiri/3.0.0',
      date: new Date(now).toUTCString(),
      requestid: requestId,
      'x-request-id': requestId,
      'x-rate-limit': limits.header(claimedKeyId(call.request.headers.authorization), now),
      'x-apple-jingle-correlation-key': base32Of(26, seed, 'correlation', call.number),
      'x-daiquiri-instance': `daiquiri:${seed}:simulated`,
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-frame-options': 'SAMEORIGIN',
    };
  }

  #written(call: Call, status: number, document: object, headers: Readonly<Record<string, string>> = {}) {
    const body = Buffer.from(printDocument(document));
    return {
      status,
      headers: {
        ...this.#headers(call),
        // One published client needs exactly this, without a charset.
        'content-type': 'application/json',
        'content-length': String(body.length),
        ...headers,
      },
      body,
    };
  }

  #refused(
    call: Call,
    refusal: AppleRefusal,
    headers: Readonly<Record<string, string>> = {},
  ): StandInResponse {
    const document = errorDocument(refusal, this.#parts.account.world.seed, call.number);
    return this.#written(call, refusal.status, document, headers);
  }
}
