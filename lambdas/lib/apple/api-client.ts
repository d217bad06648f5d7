import { ApiAuthError, ApiContractError, ApiUnavailableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { bodyKind, readBody, readErrorBody } from './answer-body.ts';
import { callBudget } from './call-budget.ts';
import { brokenCall, type CallName, failureOf } from './failures.ts';
import type { HostPolicy } from './hosts.ts';
import type { Pacer } from './pacing.ts';
import { quickWait } from './quick-tries.ts';
import { withinTime } from './time-limit.ts';
import type { TokenSource } from './token.ts';
import type { Transport } from './transport.ts';

const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/** A call to a URL of the API's origin. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: URL;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** Calls spent, tries included, and the lowest remaining hourly budget that Apple named. */
export interface ApiUsage {
  readonly calls: number;
  readonly lowestBudget: number | null;
}

/** Signed, paced calls to Apple's API. */
export interface ApiClient {
  /** Resolves with the parsed JSON of a 2xx answer, `undefined` for 204; rejects with a named error. */
  call(call: ApiCall): Promise<unknown>;
  readonly usage: ApiUsage;
}

/** What a client works with; `log` gets ids, counts and codes only. */
export interface ApiClientOptions {
  readonly hosts: HostPolicy;
  readonly transport: Transport;
  readonly tokens: TokenSource;
  readonly pacer: Pacer;
  readonly clock: Clock;
  /** Share (0 to 0.9) of the hourly budget that is left to others. */
  readonly callBudgetReserve: number;
  readonly log: Log;
  /** Per try and per call with all its tries, in real milliseconds; default 30 s and 120 s. */
  readonly timeouts?: { readonly tryMilliseconds?: number; readonly totalMilliseconds?: number };
  /** Time of the clock, in milliseconds, after which no try begins and none goes on. */
  readonly deadline?: number;
  /** Spreads the client's own back-off, 0 to 1; default `Math.random`. */
  readonly random?: () => number;
}

interface Attempt {
  readonly token: string;
  readonly failure: unknown;
  readonly answer: unknown;
}

function isCredentialsRefused(failure: unknown): boolean {
  return failure instanceof ApiAuthError && failure.outcome === 'credentials-refused';
}

function isRefusalOfRights(failure: unknown): boolean {
  return failure instanceof ApiAuthError && failure.outcome !== 'credentials-refused';
}

function parseAnswer(call: CallName, text: string, contentType: string | undefined): unknown {
  if (bodyKind(text, contentType) === 'markup') {
    throw new ApiUnavailableError(
      `Apple answered ${call.method} ${call.path} with a page instead of JSON. Run it again later.`,
      { details: { method: call.method, path: call.path, reason: 'page' } },
    );
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
  } catch {
    throw new ApiContractError(`The answer to ${call.method} ${call.path} is not JSON: report it.`, {
      details: { method: call.method, path: '', call: call.path },
    });
  }
}

/**
 * Every try waits for the pacer, counts, and has its `X-Rate-Limit` read. GET and DELETE get at most two quick
 * tries more after 5xx, pages, broken connections, time-outs and a 429 without a time; POST gets none. A 401
 * renews the token and repeats once, whatever the method; after a 403 the next call has a new token. Rejects with `ApiThrottledError`,
 * `ApiUnavailableError`, `ApiAuthError`, `ApiRequestError`, `ApiContractError`, `HostNotAllowedError`, or what
 * the token source throws.
 */
export function apiClient(options: ApiClientOptions): ApiClient {
  const { clock, hosts, log, tokens } = options;
  const tryMilliseconds = options.timeouts?.tryMilliseconds ?? 30_000;
  const totalMilliseconds = options.timeouts?.totalMilliseconds ?? 120_000;
  const random = options.random ?? Math.random;
  const budget = callBudget({ reserve: options.callBudgetReserve, clock });
  let calls = 0;

  const timeLeft = () => (options.deadline ?? Number.POSITIVE_INFINITY) - clock.now();

  function assertTimeLeft(name: CallName): void {
    if (timeLeft() > 0) return;
    throw new ApiUnavailableError(
      `No time is left to begin ${name.method} ${name.path}: go on in the next run.`,
      {
        details: { method: name.method, path: name.path, reason: 'deadline' },
      },
    );
  }

  async function exchange(
    call: ApiCall,
    name: CallName,
    token: string,
    signal: AbortSignal,
  ): Promise<unknown> {
    const response = await options.transport({
      method: call.method,
      url: call.url,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        'user-agent': 'apple-data-pipeline',
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal,
    });
    const { status, headers } = response;
    budget.note(headers);
    if (status < 200 || status > 299) {
      const body = await readErrorBody(response.body, signal);
      throw failureOf(name, { status, headers, body }, clock.now());
    }
    const body = await readBody(response.body, ANSWER_LIMIT_BYTES, signal);
    if (!body.complete) {
      throw new ApiContractError(
        `The answer to ${name.method} ${name.path} is longer than ${ANSWER_LIMIT_BYTES} bytes: report it.`,
        { details: { method: name.method, path: '', call: name.path } },
      );
    }
    return status === 204 ? undefined : parseAnswer(name, body.text, headers['content-type']);
  }

  async function attempt(call: ApiCall, name: CallName, signal: AbortSignal): Promise<Attempt> {
    budget.assertAvailable();
    const token = await tokens.token();
    try {
      const answer = await options.pacer.run(() => {
        budget.assertAvailable();
        assertTimeLeft(name);
        calls += 1;
        const limit = Math.min(tryMilliseconds, timeLeft());
        return withinTime(limit, signal, (trySignal) => exchange(call, name, token, trySignal));
      }, signal);
      return { token, failure: undefined, answer };
    } catch (error) {
      return { token, failure: brokenCall(name, error), answer: undefined };
    }
  }

  /** Another call may have renewed since: then its token is used, and the secret is not read once more. */
  async function renewIfUsed(token: string): Promise<void> {
    if ((await tokens.token()) === token) await tokens.renew();
  }

  async function callWithTries(call: ApiCall, name: CallName, signal: AbortSignal): Promise<unknown> {
    let quickTries = 0;
    let renewed = false;
    for (;;) {
      const { token, failure, answer } = await attempt(call, name, signal);
      if (failure === undefined) return answer;
      if (isRefusalOfRights(failure)) tokens.forget(token);
      if (isCredentialsRefused(failure) && !renewed) {
        renewed = true;
        log.warn('Apple refused the token; renewing it once', { method: name.method, path: name.path });
        await renewIfUsed(token);
        continue;
      }
      const wait = call.method === 'POST' ? undefined : quickWait(failure, quickTries, random);
      if (wait === undefined || wait >= timeLeft()) throw failure;
      quickTries += 1;
      log.warn('Repeating a call to Apple', {
        method: name.method,
        path: name.path,
        error: (failure as Error).name,
        quickTries,
        waitMilliseconds: Math.round(wait),
      });
      await clock.sleep(wait, signal);
    }
  }

  return {
    usage: {
      get calls() {
        return calls;
      },
      get lowestBudget() {
        return budget.lowest;
      },
    },
    async call(call) {
      hosts.assertApi(call.url);
      const key = tokens.describe ?? 'configured key';
      const name = { method: call.method, path: call.url.pathname, key };
      try {
        return await withinTime(totalMilliseconds, undefined, (signal) => callWithTries(call, name, signal));
      } catch (error) {
        throw brokenCall(name, error);
      }
    },
  };
}
