import { createPrivateKey } from 'node:crypto';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { SignJWT } from 'jose';
import type { ApiDocument, Resource } from '../../local/apple/documents.ts';
import type { Scenario } from '../../local/apple/scenario.ts';
import { SettableClock } from '../../local/apple/settable-clock.ts';
import { createSimulatedApple, type SimulatedApple } from '../../local/apple/simulated-apple.ts';
import type { StandInResponse } from '../../local/http.ts';

/** An answer as a test reads it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  readonly text: string;
  /** The parsed document; reading it from an answer that is no JSON throws. */
  readonly document: ApiDocument & {
    errors?: { status: string; code: string; id?: string; [field: string]: unknown }[];
  };
}

/** Claims and header fields of a token; `undefined` leaves one out. */
export interface TokenParts {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, string | undefined>>;
  readonly pem?: string;
  readonly lifetimeSeconds?: number;
}

const API_ORIGIN = 'https://api.appstoreconnect.apple.com';

async function bytesOf(body: StandInResponse['body']): Promise<Buffer> {
  return body instanceof Readable ? Buffer.concat(await body.toArray()) : Buffer.from(body as Uint8Array);
}

async function toAnswer(response: StandInResponse): Promise<Answer> {
  const bytes = await bytesOf(response.body);
  const text = bytes.toString('utf8');
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text,
    get document() {
      return JSON.parse(text) as Answer['document'];
    },
  };
}

/** A world with a client, in one process and with a clock that the test sets. */
export class AppleFixture {
  readonly apple: SimulatedApple;
  readonly clock: SettableClock;

  constructor(apple: SimulatedApple, clock: SettableClock) {
    this.apple = apple;
    this.clock = clock;
  }

  get appId(): string {
    return this.apple.apps[0]?.id ?? '';
  }

  /** A token of the reader key, changed as asked. */
  async token({ claims = {}, header = {}, pem, lifetimeSeconds = 1140 }: TokenParts = {}): Promise<string> {
    const { credentials } = this.apple;
    const now = Math.floor(this.clock.now() / 1000);
    const usual = {
      iss: credentials.issuerId,
      iat: now,
      exp: now + lifetimeSeconds,
      aud: 'appstoreconnect-v1',
    };
    const all = Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined);
    const fields = { alg: 'ES256', kid: credentials.readerKeyId, typ: 'JWT', ...header };
    const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    return new SignJWT(Object.fromEntries(all))
      .setProtectedHeader(given as { alg: string })
      .sign(createPrivateKey(pem ?? credentials.readerPrivateKeyPem));
  }

  adminToken(): Promise<string> {
    const { adminKeyId, adminPrivateKeyPem } = this.apple.credentials;
    return this.token({ header: { kid: adminKeyId }, pem: adminPrivateKeyPem });
  }

  async call(
    method: string,
    target: string,
    token: string | undefined,
    body?: string,
    contentType: string | undefined = 'application/json',
  ): Promise<Answer> {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined || contentType === '' ? {} : { 'content-type': contentType }),
    };
    const request = {
      method,
      target: target.replace(API_ORIGIN, ''),
      headers,
      body: Readable.from(body === undefined ? [] : [Buffer.from(body)]),
    };
    return toAnswer(await this.apple.api(request));
  }

  /** GET with the reader key. */
  async get(target: string): Promise<Answer> {
    return this.call('GET', target, await this.token());
  }

  /** POST of a report request with the Admin key. */
  async create(accessType: string, appId = this.appId): Promise<Answer> {
    const data = {
      type: 'analyticsReportRequests',
      attributes: { accessType },
      relationships: { app: { data: { type: 'apps', id: appId } } },
    };
    return this.call(
      'POST',
      '/v1/analyticsReportRequests',
      await this.adminToken(),
      JSON.stringify({ data }),
    );
  }

  async download(
    url: string,
    headers: Readonly<Record<string, string>> = {},
    method = 'GET',
  ): Promise<Answer> {
    const { pathname, search } = new URL(url);
    return toAnswer(
      await this.apple.downloads({ method, target: pathname + search, headers, body: Readable.from([]) }),
    );
  }

  /** All entries of a list, over all its pages. */
  async all(target: string): Promise<Resource[]> {
    const entries: Resource[] = [];
    for (let next: string | undefined = target; next !== undefined; ) {
      const { document } = await this.get(next);
      entries.push(...resources(document));
      next = document.links.next;
    }
    return entries;
  }

  async requestId(accessType = 'ONGOING', appId = this.appId): Promise<string> {
    const { document } = await this.get(
      `/v1/apps/${appId}/analyticsReportRequests?filter[accessType]=${accessType}`,
    );
    return resources(document)[0]?.id ?? '';
  }

  async reportId(name: string, accessType = 'ONGOING', appId = this.appId): Promise<string> {
    const requestId = await this.requestId(accessType, appId);
    const query = `filter[name]=${encodeURIComponent(name)}`;
    const { document } = await this.get(`/v1/analyticsReportRequests/${requestId}/reports?${query}`);
    return resources(document)[0]?.id ?? '';
  }

  async instances(name: string, query = '', accessType = 'ONGOING'): Promise<Resource[]> {
    return this.all(
      `/v1/analyticsReports/${await this.reportId(name, accessType)}/instances?limit=200${query}`,
    );
  }

  async segments(instanceId: string): Promise<Resource[]> {
    return this.all(`/v1/analyticsReportInstances/${instanceId}/segments`);
  }

  /** All rows of an instance as records, read from the files of all its segments. */
  async rows(instanceId: string): Promise<Record<string, string>[]> {
    const rows: Record<string, string>[] = [];
    for (const { attributes } of await this.segments(instanceId)) {
      const { bytes } = await this.download(String(attributes?.url));
      const [header = '', ...lines] = gunzipSync(bytes).toString('utf8').trimEnd().split('\n');
      const names = header.split('\t');
      for (const line of lines)
        rows.push(Object.fromEntries(line.split('\t').map((cell, index) => [names[index] ?? '', cell])));
    }
    return rows;
  }
}

/** The entries of a document, whether it holds one or many. */
export function resources({ data }: ApiDocument): readonly Resource[] {
  return [data].flat() as Resource[];
}

/** Attributes of a resource by name; `undefined` where there is none. */
export function attribute(resource: Resource | undefined, name: string): unknown {
  return resource?.attributes?.[name];
}

/** A world at a given time. */
export async function createFixture(
  scenario: Scenario,
  start = '2026-06-03T12:00:00Z',
): Promise<AppleFixture> {
  const clock = new SettableClock(Date.parse(start));
  return new AppleFixture(await createSimulatedApple({ clock, scenario }), clock);
}

/** One app whose ONGOING request was made some days ago. */
export function smallScenario(createdDaysAgo = 5, further: Scenario = {}): Scenario {
  return { apps: [{ id: '1476097583', requests: [{ accessType: 'ONGOING', createdDaysAgo }] }], ...further };
}
