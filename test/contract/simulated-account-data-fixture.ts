import { createPrivateKey, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import type { AccountDataScenario, HostName } from '../../local/apple/account-data/scenario.ts';
import {
  createSimulatedAccountData,
  type SimulatedAccountData,
} from '../../local/apple/account-data/simulated-account-data.ts';
import { SettableClock } from '../../local/apple/settable-clock.ts';

/** An answer as a test reads it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  /** The parsed document; reading it from an answer that is no JSON throws. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** A call of a test; what is left out is as Apple asks for it. */
export interface TestCall {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** Claims and header fields of a client secret; `undefined` leaves one out. */
export interface SecretParts {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, string>>;
  readonly pem?: string;
}

export const DAY_SECONDS = 86_400;
export const START = '2026-06-03T12:00:00Z';

function given(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

/** One world with a client that does right unless a test says otherwise. */
export class AccountDataFixture {
  readonly apple: SimulatedAccountData;
  readonly clock: SettableClock;
  readonly #tokens = new Map<string, { token: string; endsAt: number }>();

  constructor(apple: SimulatedAccountData, clock: SettableClock) {
    this.apple = apple;
    this.clock = clock;
  }

  advance(seconds: number): void {
    this.clock.setTo(this.clock.now() + seconds * 1000);
  }

  grant(index = 0) {
    const grant = this.apple.grants[index];
    if (grant === undefined) throw new TypeError(`there is no grant ${index}`);
    return grant;
  }

  async secret({ claims, header, pem }: SecretParts = {}): Promise<string> {
    const { teamId, clientId, clientKeyId, clientPrivateKeyPem } = this.apple.credentials;
    const now = Math.floor(this.clock.now() / 1000);
    const all = {
      iss: teamId,
      iat: now,
      exp: now + 300,
      aud: 'https://appleid.apple.com',
      sub: clientId,
      ...claims,
    };
    const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', kid: clientKeyId, ...header })
      .sign(createPrivateKey(pem ?? clientPrivateKeyPem));
  }

  async call(host: HostName, target: string, call: TestCall = {}): Promise<Answer> {
    const { method = 'GET', body, headers = {} } = call;
    const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.apple[host]({
      method,
      target,
      headers: given(headers),
      body: Readable.from(text === undefined ? [] : [Buffer.from(text)]),
    });
    const bytes =
      answer.body instanceof Readable ? await buffer(answer.body) : Buffer.from(answer.body as Uint8Array);
    return {
      status: answer.status,
      headers: answer.headers,
      bytes,
      get document() {
        return JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
      },
    };
  }

  /** A form to the OAuth host with a good client secret, unless a field says otherwise. */
  async form(path: string, fields: Readonly<Record<string, string | undefined>>): Promise<Answer> {
    const all = { client_id: this.apple.credentials.clientId, client_secret: await this.secret(), ...fields };
    return this.call('oauth', `/auth/oauth2/v2/${path}`, {
      method: 'POST',
      body: new URLSearchParams(given(all)).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  }

  refresh(refreshToken = this.grant().refreshToken): Promise<Answer> {
    return this.form('token', { grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  async token(index = 0): Promise<string> {
    const { refreshToken } = this.grant(index);
    const kept = this.#tokens.get(refreshToken);
    if (kept !== undefined && kept.endsAt > this.clock.now()) return kept.token;
    const { document } = await this.refresh(refreshToken);
    const token = String(document.access_token);
    this.#tokens.set(refreshToken, { token, endsAt: this.clock.now() + Number(document.expires_in) * 1000 });
    return token;
  }

  /** A call of the person's service with everything that belongs to it. */
  async api(path: string, call: TestCall & { readonly person?: number } = {}): Promise<Answer> {
    const { person = 0, ...rest } = call;
    const isAppData = this.grant(person).service === 'app-data';
    const host = isAppData ? 'appDataTransfer' : 'accountDataTransfer';
    const method = rest.method ?? (rest.body === undefined ? 'GET' : 'POST');
    return this.call(host, `/api/transfer/${isAppData ? 'appdata' : 'accountdata'}/${path}`, {
      ...rest,
      method,
      headers: {
        authorization: `Bearer ${await this.token(person)}`,
        'x-apple-transaction-id': randomUUID().toUpperCase(),
        ...(method === 'POST' ? { 'content-type': 'application/json' } : { accept: 'application/json' }),
        ...rest.headers,
      },
    });
  }

  async submit(person = 0, mode: string = this.grant(person).mode) {
    const { document } = await this.api('submit', { body: { mode }, person });
    const { parentRequestId, requestId } = document as { parentRequestId?: string; requestId: string };
    return {
      parentRequestId: parentRequestId ?? '',
      requestId,
      path: parentRequestId === undefined ? requestId : `${parentRequestId}/${requestId}`,
    };
  }

  /** Submits and waits until it is complete. */
  async completed(person = 0, mode?: string) {
    const ids = await this.submit(person, mode);
    this.advance(DAY_SECONDS);
    return ids;
  }

  async urls(path: string, person = 0): Promise<string[]> {
    const { document } = await this.api(`fetch/${path}`, { person });
    return document.assetInfo as string[];
  }

  download(url: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Answer> {
    const { pathname, search } = new URL(url);
    return this.call('assets', pathname + search, { method, headers });
  }

  /** Kinds of the rules that were broken so far. */
  get broken(): string[] {
    return this.apple.violations.map(({ kind }) => kind);
  }
}

/** A world at a given time; one person without a scenario's people. */
export async function createFixture(scenario: AccountDataScenario = {}): Promise<AccountDataFixture> {
  const clock = new SettableClock(Date.parse(START));
  const apple = await createSimulatedAccountData({
    clock,
    scenario: { people: [{ archives: 2 }], ...scenario },
  });
  return new AccountDataFixture(apple, clock);
}
