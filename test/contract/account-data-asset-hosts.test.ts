import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { assetDownloader } from '../../lambdas/lib/apple/asset-download.ts';
import type { AddressLookup } from '../../lambdas/lib/apple/asset-hosts.ts';
import {
  type ResolvedAddress,
  type TransportRequest,
  type TransportResponse,
  undiciTransport,
} from '../../lambdas/lib/apple/transport.ts';
import { ApiUnavailableError, EnvironmentError, HostNotAllowedError } from '../../lambdas/lib/errors.ts';
import { serve } from '../../local/http.ts';
import { rejection } from './app-store-connect-scripted-server.ts';

const never = new AbortController().signal;
const PUBLIC: ResolvedAddress = { address: '17.253.144.10', family: 4 };
const PUBLIC_6: ResolvedAddress = { address: '2620:149:af0::10', family: 6 };
const family = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

interface HostsOptions {
  readonly assetHosts?: readonly string[];
  readonly trustedOrigins?: readonly string[];
  readonly lookup?: AddressLookup;
  /** Where each URL redirects to; one that is missing is answered with an archive. */
  readonly redirects?: Readonly<Record<string, string | null>>;
}

/** A downloader over a transport that remembers what it was asked for. */
function scripted(options: HostsOptions = {}) {
  const requests: TransportRequest[] = [];
  const lookups: string[] = [];
  const transport = async (request: TransportRequest): Promise<TransportResponse> => {
    requests.push(request);
    const location = options.redirects?.[request.url.href];
    return location === undefined
      ? { status: 200, headers: {}, body: Readable.from([Buffer.from('PK')]) }
      : { status: 302, headers: location === null ? {} : { location }, body: Readable.from([]) };
  };
  const { open } = assetDownloader({
    assetHosts: options.assetHosts ?? [],
    trustedOrigins: options.trustedOrigins ?? [],
    lookup: async (hostname) => {
      lookups.push(hostname);
      return options.lookup === undefined ? [PUBLIC] : options.lookup(hostname);
    },
    transport,
  });
  return { open: (url: string) => open(url, { signal: never }), requests, lookups };
}

async function refusal(url: string, options: HostsOptions = {}) {
  const { open, requests } = scripted(options);
  const error = await rejection(open(url), HostNotAllowedError);
  return { error, requests };
}

describe('the host of an archive', () => {
  test('is any public one, and the connection is bound to the addresses that were checked', async () => {
    const { open, requests, lookups } = scripted({ lookup: async () => [PUBLIC, PUBLIC_6] });

    await open('https://archives.example.com/1.zip?s=1');

    expect(lookups).toEqual(['archives.example.com']);
    expect(requests[0]).toMatchObject({ pinnedTo: [PUBLIC, PUBLIC_6] });
    expect(Object.keys(requests[0]?.headers ?? {}).map((name) => name.toLowerCase())).not.toContain(
      'authorization',
    );
  });

  test.each([
    ['http', 'http://archives.example.com/1.zip'],
    ['another scheme', 'ftp://archives.example.com/1.zip'],
    ['a file', 'file:///etc/passwd'],
    ['another port', 'https://archives.example.com:8443/1.zip'],
    ['user information', 'https://user:pass@archives.example.com/1.zip'],
    ['a private IPv4 address', 'https://10.0.0.1/1.zip'],
    ['a public IPv4 address', 'https://17.253.144.10/1.zip'],
    ['an IPv4 address in disguise', 'https://0x7f.1/1.zip'],
    ['an IPv4 address as one number', 'https://2130706433/1.zip'],
    ['a loopback IPv6 address', 'https://[::1]/1.zip'],
    ['a public IPv6 address', 'https://[2620:149:af0::10]/1.zip'],
  ])('with %s is refused before any look-up', async (_what, url) => {
    const { open, requests, lookups } = scripted();

    const error = await rejection(open(url), HostNotAllowedError);

    expect(error.details).toMatchObject({ host: new URL(url).host });
    expect([...requests, ...lookups]).toEqual([]);
  });

  test.each(['', 'not a URL', '/1.zip', '//archives.example.com/1.zip'])(
    'of the address %j is refused',
    async (url) => {
      expect((await refusal(url)).requests).toEqual([]);
    },
  );

  test.each([
    '10.1.2.3',
    '127.0.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.168.1.1',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:17.253.144.10',
    '64:ff9b::11fd:900a',
  ])('whose name has the address %s beside a public one is refused', async (address) => {
    const { error, requests } = await refusal('https://archives.example.com/1.zip?s=s3cr3t', {
      lookup: async () => [PUBLIC, { address, family: family(address) }],
    });

    expect(error.details).toMatchObject({ host: 'archives.example.com' });
    expect(JSON.stringify([error.message, error.details])).not.toMatch(/s3cr3t|1\.zip/);
    expect(requests).toEqual([]);
  });

  test('whose name has no address is refused', async () => {
    await refusal('https://archives.example.com/1.zip', { lookup: async () => [] });
  });

  test('whose name cannot be resolved now is ApiUnavailableError', async () => {
    const { open } = scripted({
      lookup: () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' })),
    });

    const error = await rejection(open('https://archives.example.com/1.zip'), ApiUnavailableError);

    expect(error.details).toMatchObject({ reason: 'EAI_AGAIN' });
  });

  test('that changes its address between two downloads is checked each time', async () => {
    const answers = [PUBLIC, { address: '127.0.0.1', family: 4 } as const];
    const { open, requests } = scripted({ lookup: async () => answers.splice(0, 1) });
    await open('https://archives.example.com/1.zip');

    await rejection(open('https://archives.example.com/2.zip'), HostNotAllowedError);

    expect(requests).toHaveLength(1);
  });
});

describe('configured hosts', () => {
  const admitted = { assetHosts: ['Archives.example.com', '.cdn-apple.com'] };

  test.each(['archives.example.com', 'ARCHIVES.example.com', 'a.cdn-apple.com', 'a.b.cdn-apple.com'])(
    'admit %s',
    async (host) => {
      const { open, requests } = scripted(admitted);

      await open(`https://${host}/1.zip`);

      expect(requests).toHaveLength(1);
    },
  );

  test.each([
    'cdn-apple.com',
    'evilcdn-apple.com',
    'x.archives.example.com',
    'archives.example.com.evil.org',
  ])('do not admit %s', async (host) => {
    expect((await refusal(`https://${host}/1.zip`, admitted)).requests).toEqual([]);
  });

  test('admit nothing more than without them: a private address stays refused', async () => {
    await refusal('https://archives.example.com/1.zip', {
      ...admitted,
      lookup: async () => [{ address: '10.0.0.1', family: 4 }],
    });
  });
});

describe('a trusted origin', () => {
  const trusted = { trustedOrigins: ['http://127.0.0.1:8080'] };

  test('is admitted exactly as it stands, without a look-up', async () => {
    const { open, requests, lookups } = scripted(trusted);

    await open('http://127.0.0.1:8080/1.zip');

    expect(requests[0]?.pinnedTo).toBeUndefined();
    expect(lookups).toEqual([]);
  });

  test.each([
    'http://127.0.0.1:8081/1.zip',
    'https://127.0.0.1:8080/1.zip',
    'http://u:p@127.0.0.1:8080/1.zip',
  ])('admits no other: %s', async (url) => {
    await refusal(url, trusted);
  });

  test('that is none is EnvironmentError', () => {
    expect(() => scripted({ trustedOrigins: ['localhost'] })).toThrow(EnvironmentError);
  });
});

describe('a redirect', () => {
  const first = 'https://a.example.com/1.zip';
  const chain = (length: number) =>
    Object.fromEntries(
      Array.from({ length }, (_, index) => [
        index === 0 ? first : `https://a.example.com/hop${index}`,
        `/hop${index + 1}`,
      ]),
    );

  test('is followed to another public host, whose addresses are checked and bound anew', async () => {
    const other: ResolvedAddress = { address: '17.1.2.3', family: 4 };
    const { open, requests } = scripted({
      redirects: { [first]: 'https://b.example.com/2.zip' },
      lookup: async (hostname) => [hostname === 'b.example.com' ? other : PUBLIC],
    });

    await open(first);

    expect(requests.map(({ pinnedTo }) => pinnedTo)).toEqual([[PUBLIC], [other]]);
  });

  test('is followed three times', async () => {
    const { open, requests } = scripted({ redirects: chain(3) });

    await open(first);

    expect(requests.map(({ url }) => url.pathname)).toEqual(['/1.zip', '/hop1', '/hop2', '/hop3']);
  });

  test('is not followed a fourth time', async () => {
    const { requests } = await refusal(first, { redirects: chain(4) });

    expect(requests).toHaveLength(4);
  });

  test.each([
    ['http', 'http://a.example.com/2.zip'],
    ['another port', 'https://a.example.com:8443/2.zip'],
    ['a private address', 'https://10.0.0.1/2.zip'],
    ['a name with a private address', 'https://inside.example.com/2.zip'],
    ['the address of the metadata service', 'http://169.254.169.254/latest/meta-data'],
    ['no URL', 'https://'],
    ['nowhere', null],
  ])('to %s is refused', async (_what, location) => {
    const { error, requests } = await refusal(first, {
      redirects: { [first]: location },
      lookup: async (hostname) =>
        hostname.startsWith('inside') ? [{ address: '192.168.0.1', family: 4 }] : [PUBLIC],
    });

    expect(requests).toHaveLength(1);
    expect(error.details).toHaveProperty('host');
  });

  test('to a host outside of the configured ones is refused', async () => {
    const { error } = await refusal(first, {
      assetHosts: ['a.example.com'],
      redirects: { [first]: 'https://b.example.com/2.zip' },
    });

    expect(error.details).toMatchObject({ host: 'b.example.com' });
  });
});

describe('a bound connection', () => {
  const withServer = async (work: (port: string) => Promise<void>) => {
    const server = await serve(async ({ headers }) => ({
      status: 200,
      headers: {},
      body: headers.host ?? '',
    }));
    await work(new URL(server.origin).port).finally(() => server.close());
  };
  const get = (port: string, pinnedTo: readonly ResolvedAddress[]) =>
    undiciTransport()({
      method: 'GET',
      url: new URL(`http://localhost:${port}/`),
      headers: {},
      signal: never,
      pinnedTo,
    });

  test('goes to the given address under the name of the host', async () => {
    await withServer(async (port) => {
      const { body } = await get(port, [{ address: '127.0.0.1', family: 4 }]);

      expect(Buffer.concat(await body.toArray()).toString()).toBe(`localhost:${port}`);
    });
  });

  test('asks no resolver: what the name means elsewhere counts for nothing', async () => {
    await withServer(async (port) => {
      await expect(get(port, [{ address: '127.0.0.2', family: 4 }])).rejects.toHaveProperty('code');
      await expect(get(port, [])).rejects.toMatchObject({ code: 'ENOTFOUND' });
    });
  });
});
