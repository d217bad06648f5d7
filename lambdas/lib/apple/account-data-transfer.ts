import { randomUUID } from 'node:crypto';
import { ApiAuthError, ApiUnavailableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { AccountDataTransfer, RequestIds } from './account-data-answers.ts';
import {
  cancelAnswer,
  type ReceivedAnswer,
  resubmitAnswer,
  statusAnswer,
  submitAnswer,
  urlsAnswer,
} from './account-data-documents.ts';
import type { CallName } from './failures.ts';
import type { GrantTokenSource } from './grant-tokens.ts';
import { hostPolicy } from './hosts.ts';
import { withQuickTries } from './quick-tries.ts';
import type { ScopeService } from './scopes.ts';
import {
  brokenExchange,
  contractFailure,
  failureOfAnswer,
  supportBody,
  type TextAnswer,
  textAnswer,
} from './text-answer.ts';
import { withinTime } from './time-limit.ts';
import type { Transport } from './transport.ts';

/** What the client of one grant works with; `log` gets call names, ids and codes only. */
export interface AccountDataTransferOptions {
  readonly service: ScopeService;
  /** Only its origin is used, for example `https://accountdatatransfer.apple.com`. */
  readonly baseUrl: string;
  /** Origins that may be called although they are not https. */
  readonly trustedOrigins: readonly string[];
  /** Names the grant in messages, for example `grant 8f0e…`. */
  readonly subject: string;
  readonly transport: Transport;
  readonly tokens: GrantTokenSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Per try and per call with all its tries, in real milliseconds; default 30 s and 120 s. */
  readonly timeouts?: { readonly tryMilliseconds?: number; readonly totalMilliseconds?: number };
  /** Time of the clock, in milliseconds, after which no try begins and none goes on. */
  readonly deadline?: number;
  /** Makes the `X-Apple-Transaction-Id` of each attempt; a random UUID in upper case unless told. */
  readonly newTransactionId?: () => string;
  /** Spreads the client's own back-off, 0 to 1; default `Math.random`. */
  readonly random?: () => number;
}

const SERVICE_PATHS: Readonly<Record<ScopeService, string>> = {
  'account-data': '/api/transfer/accountdata',
  'app-data': '/api/transfer/appdata',
};

interface Call {
  /** For the log. */
  readonly name: 'submit' | 'resubmit' | 'status' | 'fetch' | 'cancel';
  readonly method: 'GET' | 'POST';
  readonly path: readonly string[];
  readonly body?: unknown;
  /** Whether a 403 is an answer of this call, and no failure. */
  readonly mayBeForbidden?: boolean;
}

interface Attempt {
  readonly answer: TextAnswer;
  readonly token: string;
  readonly transactionId: string;
  readonly requestedAt: number;
}

function idPath({ parentRequestId, requestId }: RequestIds): string[] {
  return parentRequestId === undefined ? [requestId] : [parentRequestId, requestId];
}

function refused(call: CallName, { answer, transactionId }: Attempt): ApiAuthError {
  const details = { method: call.method, path: call.path, status: answer.status, transactionId };
  const where = `${call.method} ${call.path} for ${call.key}`;
  return answer.status === 401
    ? new ApiAuthError(
        `Apple refused ${where} (401) although its access token was just refreshed: its person may have withdrawn ` +
          'the consent.',
        { outcome: 'credentials-refused', details },
      )
    : new ApiAuthError(
        `Apple forbids ${where} (403): compare the grant's region and scopes with its consent, and the client's ` +
          "approval for the service in Apple's portal.",
        { outcome: 'forbidden', details },
      );
}

/**
 * Builds the client of one grant for Account Data Transfer or App Data Transfer, which differ in base URL and path.
 * Each attempt has a transaction id of its own, which is logged before it begins. GETs get at most two quick tries more after 5xx, pages, broken connections, time-outs and a 429 without a
 * time; POSTs get none. A 401 is followed by one refresh and one repetition, whatever the method.
 * Throws `EnvironmentError` when an origin of the configuration is none.
 */
export function accountDataTransfer(options: AccountDataTransferOptions): AccountDataTransfer {
  const { clock, log, tokens } = options;
  const hosts = hostPolicy({ apiOrigin: options.baseUrl, trustedOrigins: options.trustedOrigins });
  const tryMilliseconds = options.timeouts?.tryMilliseconds ?? 30_000;
  const totalMilliseconds = options.timeouts?.totalMilliseconds ?? 120_000;
  const deadline = options.deadline ?? Number.POSITIVE_INFINITY;
  const random = options.random ?? Math.random;
  const newTransactionId = options.newTransactionId ?? (() => randomUUID().toUpperCase());

  function urlOf(path: readonly string[]): URL {
    const parts = path.map((part) => encodeURIComponent(part));
    return new URL(`${SERVICE_PATHS[options.service]}/${parts.join('/')}`, options.baseUrl);
  }

  function send(call: Call, url: URL, token: string, transactionId: string, signal: AbortSignal) {
    return textAnswer(options.transport, {
      method: call.method,
      url,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        'user-agent': 'apple-data-pipeline',
        'x-apple-transaction-id': transactionId,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal,
    });
  }

  async function attempt(call: Call, name: CallName, token: string, signal: AbortSignal): Promise<Attempt> {
    const timeLeft = deadline - clock.now();
    if (timeLeft <= 0) {
      throw new ApiUnavailableError(
        `No time is left to begin ${name.method} ${name.path}: go on in the next run.`,
        { details: { method: name.method, path: name.path, reason: 'deadline' } },
      );
    }
    const transactionId = newTransactionId();
    const requestedAt = clock.now();
    log.info('Calling Apple', { call: call.name, subject: options.subject, transactionId });
    const answer = await withinTime(Math.min(tryMilliseconds, timeLeft), signal, (trySignal) =>
      send(call, urlOf(call.path), token, transactionId, trySignal),
    ).catch((error: unknown) => {
      throw brokenExchange(name, error);
    });
    const failure = failureOfAnswer(name, answer, clock.now());
    if (failure !== undefined) throw failure;
    return { answer, token, transactionId, requestedAt };
  }

  async function authorized(call: Call, name: CallName, signal: AbortSignal): Promise<Attempt> {
    const token = await tokens.token();
    const first = await attempt(call, name, token, signal);
    if (first.answer.status !== 401) return first;
    log.warn('Apple refused the access token; refreshing it once', {
      call: call.name,
      subject: options.subject,
    });
    const second = await attempt(call, name, await tokens.replacementOf(token), signal);
    if (second.answer.status === 401) throw refused(name, second);
    return second;
  }

  function received(name: CallName, { answer, token, transactionId, requestedAt }: Attempt): ReceivedAnswer {
    const details = { transactionId, body: supportBody(answer.text, [token]) };
    return {
      answer,
      transactionId,
      requestedAt,
      contractFailure: (why) => contractFailure(name, answer, why, details),
      notApples: () =>
        new ApiUnavailableError(
          `${name.method} ${name.path} for ${name.key} was answered with ${answer.status} and no JSON, as no server ` +
            "of Apple's API does. Run it again later, and check the base URL.",
          { details: { method: name.method, path: name.path, status: answer.status, ...details } },
        ),
    };
  }

  async function request(call: Call): Promise<ReceivedAnswer> {
    const url = urlOf(call.path);
    hosts.assertApi(url);
    const name = { method: call.method, path: url.pathname, key: options.subject };
    const onRepeat = (failure: Error, quickTries: number) =>
      log.warn('Repeating a call to Apple', {
        call: call.name,
        subject: options.subject,
        error: failure.name,
        quickTries,
      });
    try {
      return await withinTime(totalMilliseconds, undefined, async (signal) => {
        const work = () => authorized(call, name, signal);
        const made =
          call.method === 'POST'
            ? await work()
            : await withQuickTries({ clock, random, signal, deadline, onRepeat }, work);
        if (made.answer.status === 403 && call.mayBeForbidden !== true) throw refused(name, made);
        return received(name, made);
      });
    } catch (error) {
      throw brokenExchange(name, error);
    }
  }

  return {
    submit: async (mode) =>
      submitAnswer(
        await request({
          name: 'submit',
          method: 'POST',
          path: ['submit'],
          body: { mode },
          mayBeForbidden: true,
        }),
      ),
    resubmit: async ({ parentRequestId, requestId }) =>
      resubmitAnswer(
        await request({
          name: 'resubmit',
          method: 'POST',
          path: ['resubmit'],
          body: { parentRequestId, requestId },
          mayBeForbidden: true,
        }),
      ),
    status: async (ids) => statusAnswer(await request({ name: 'status', method: 'GET', path: idPath(ids) })),
    downloadUrls: async (ids) =>
      urlsAnswer(await request({ name: 'fetch', method: 'GET', path: ['fetch', ...idPath(ids)] })),
    cancel: async (id) =>
      cancelAnswer(
        await request({ name: 'cancel', method: 'POST', path: ['cancel'], body: { requestId: id } }),
      ),
  };
}
