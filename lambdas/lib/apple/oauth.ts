import * as z from 'zod';
import {
  GrantRefusedError,
  OAuthClientRefusedError,
  OAuthRequestError,
  type PipelineError,
} from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { clientSecret } from './client-secret.ts';
import { type DataSharingKey, parseDataSharingSecret } from './data-sharing-secret.ts';
import type { CallName } from './failures.ts';
import { hostPolicy } from './hosts.ts';
import { withQuickTries } from './quick-tries.ts';
import {
  brokenExchange,
  contractFailure,
  failureOfAnswer,
  jsonOf,
  type TextAnswer,
  textAnswer,
} from './text-answer.ts';
import { withinTime } from './time-limit.ts';
import type { Transport } from './transport.ts';

/** What Apple gave for a refresh token. */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  /** Only where Apple gives a new one; otherwise the present one stays valid. */
  readonly refreshToken: string | undefined;
}

/** A public key of Apple's, by which identity tokens are signed. */
export type AppleKeySet = z.infer<typeof keySet>;

/**
 * Apple's OAuth endpoints. `subject` names the grant in messages, never a token. Each rejects with
 * GrantRefusedError (`invalid_grant`), OAuthClientRefusedError (our client; after the secret was read once more),
 * OAuthRequestError (`invalid_request`), ApiThrottledError, ApiUnavailableError, ApiContractError,
 * HostNotAllowedError, SecretFormatError, or what `readSecret` throws. All may be repeated freely.
 */
export interface OAuthClient {
  refresh(refreshToken: string, subject: string): Promise<TokenAnswer>;
  /** Ends the consent's session; a token that is already invalid counts as revoked. */
  revoke(token: string, hint: 'refresh_token' | 'access_token', subject: string): Promise<void>;
  keys(): Promise<AppleKeySet>;
}

export interface OAuthClientOptions {
  /** Only its origin is used, for example `https://appleid.apple.com`. */
  readonly baseUrl: string;
  /** Origins that may be called although they are not https. */
  readonly trustedOrigins: readonly string[];
  readonly transport: Transport;
  readonly clock: Clock;
  /** Text of the secret with the data sharing key; its own errors pass through. */
  readSecret(): Promise<string>;
  /** Per try and per call with all its tries, in real milliseconds; default 20 s and 25 s. */
  readonly timeouts?: { readonly tryMilliseconds?: number; readonly totalMilliseconds?: number };
  /** Spreads the client's own back-off, 0 to 1; default `Math.random`. */
  readonly random?: () => number;
}

const tokenDocument = z.object({
  access_token: z.string().min(1),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().positive(),
  refresh_token: z.string().min(1).optional(),
});

const keySet = z.object({
  keys: z.array(z.looseObject({ kid: z.string().min(1), kty: z.string() })).min(1),
});

/** Codes that say that the fault is in our own client, whatever grant it acts for. */
const CLIENT_CODES: readonly string[] = [
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
];

const PATH = '/auth/oauth2/v2';

/** Long for a token call: what is cut off may have replaced the refresh token, and its answer is lost. */
const TRY_MILLISECONDS = 20_000;

/**
 * A call to the API may need a refresh before it and, after a 401, another refresh and the call once more. Twice this
 * time and two tries of 30 s at the API stay within the 120 s of a function that submits.
 */
const TOTAL_MILLISECONDS = 25_000;

interface Request {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly form?: Readonly<Record<string, string>>;
}

function errorCodeOf(answer: TextAnswer): string | undefined {
  return z.object({ error: z.string() }).safeParse(jsonOf(answer)).data?.error;
}

/** Nothing of a token answer is kept for support: its fields are credentials. */
function refusalOf(call: CallName, answer: TextAnswer): PipelineError {
  const code = errorCodeOf(answer);
  const details = { path: call.path, status: answer.status, ...(code === undefined ? {} : { code }) };
  if (code === 'invalid_grant') {
    return new GrantRefusedError(
      `Apple no longer accepts the refresh token of ${call.key} (invalid_grant): its person may have withdrawn the ` +
        'consent, or the token belongs to another client. Ask for a new consent if it stays so.',
      { details },
    );
  }
  if (code !== undefined && CLIENT_CODES.includes(code)) {
    return new OAuthClientRefusedError(
      `Apple refuses the OAuth client of this deployment (${code}) at ${call.path}: compare keyId, teamId and ` +
        "clientId in the data sharing secret with Apple's portal, and put a valid key there.",
      { code, details },
    );
  }
  if (code === 'invalid_request') {
    return new OAuthRequestError(
      `Apple rejects the token call of ${call.key} as malformed (invalid_request): look at the grant, whose consent ` +
        'may be withdrawn.',
      { details },
    );
  }
  const isName = code !== undefined && /^[a-z_]{1,40}$/.test(code);
  return contractFailure(call, answer, isName ? `the error ${code} is unknown` : 'it names no known error', {
    status: answer.status,
  });
}

/** Builds the client of one data sharing key; throws `EnvironmentError` when an origin of the configuration is none. */
export function oauthClient(options: OAuthClientOptions): OAuthClient {
  const { clock, transport } = options;
  const hosts = hostPolicy({ apiOrigin: options.baseUrl, trustedOrigins: options.trustedOrigins });
  const tryMilliseconds = options.timeouts?.tryMilliseconds ?? TRY_MILLISECONDS;
  const totalMilliseconds = options.timeouts?.totalMilliseconds ?? TOTAL_MILLISECONDS;
  const random = options.random ?? Math.random;
  let knownKey: DataSharingKey | undefined;

  async function key(): Promise<DataSharingKey> {
    knownKey ??= parseDataSharingSecret(await options.readSecret());
    return knownKey;
  }

  async function credentials(): Promise<Record<string, string>> {
    const signer = await key();
    return { client_id: signer.clientId, client_secret: await clientSecret(signer, clock.now()) };
  }

  async function attempt(request: Request, call: CallName, signal: AbortSignal): Promise<TextAnswer> {
    const form = request.form && new URLSearchParams({ ...(await credentials()), ...request.form });
    const answer = await withinTime(tryMilliseconds, signal, (trySignal) =>
      textAnswer(transport, {
        method: request.method,
        url: request.url,
        headers: {
          accept: 'application/json',
          'user-agent': 'apple-data-pipeline',
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form === undefined ? {} : { body: form.toString() }),
        signal: trySignal,
      }),
    ).catch((error: unknown) => {
      throw brokenExchange(call, error);
    });
    const failure = failureOfAnswer(call, answer, clock.now());
    if (failure !== undefined) throw failure;
    if (answer.status >= 400) throw refusalOf(call, answer);
    return answer;
  }

  function withTries(request: Request, call: CallName, signal: AbortSignal): Promise<TextAnswer> {
    return withQuickTries(
      { clock, random, signal, deadline: Number.POSITIVE_INFINITY, onRepeat: () => undefined },
      () => attempt(request, call, signal),
    );
  }

  async function withPresentKey(request: Request, call: CallName, signal: AbortSignal): Promise<TextAnswer> {
    try {
      return await withTries(request, call, signal);
    } catch (error) {
      const isRefused = error instanceof OAuthClientRefusedError && error.code === 'invalid_client';
      if (!isRefused) throw error;
      knownKey = undefined;
      return withTries(request, call, signal);
    }
  }

  async function call(request: Request, subject: string): Promise<TextAnswer> {
    hosts.assertApi(request.url);
    const name = { method: request.method, path: request.url.pathname, key: subject };
    try {
      return await withinTime(totalMilliseconds, undefined, (signal) =>
        withPresentKey(request, name, signal),
      );
    } catch (error) {
      throw brokenExchange(name, error);
    }
  }

  const urlOf = (endpoint: string) => new URL(`${PATH}/${endpoint}`, options.baseUrl);

  return {
    async refresh(refreshToken, subject) {
      const form = { grant_type: 'refresh_token', refresh_token: refreshToken };
      const request = { method: 'POST', url: urlOf('token'), form } as const;
      const answer = await call(request, subject);
      const parsed = tokenDocument.safeParse(jsonOf(answer));
      if (!parsed.success) {
        const name = { method: 'POST', path: request.url.pathname, key: subject };
        const fields = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole document');
        throw contractFailure(name, answer, `no usable ${[...new Set(fields)].join(', ')}`);
      }
      const { access_token, expires_in, refresh_token } = parsed.data;
      return { accessToken: access_token, expiresInSeconds: expires_in, refreshToken: refresh_token };
    },
    async revoke(token, hint, subject) {
      await call({ method: 'POST', url: urlOf('revoke'), form: { token, token_type_hint: hint } }, subject);
    },
    async keys() {
      const url = urlOf('keys');
      const answer = await call({ method: 'GET', url }, 'all grants');
      const parsed = keySet.safeParse(jsonOf(answer));
      if (!parsed.success) {
        const name = { method: 'GET', path: url.pathname, key: 'all grants' };
        throw contractFailure(name, answer, 'it holds no keys with an id');
      }
      return parsed.data;
    },
  };
}
