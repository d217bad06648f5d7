import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, Client, type Dispatcher, request as undiciRequest } from 'undici';

/** An IP address that a name was found to have. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** One request; `signal` has to be heeded until the headers are there. */
export interface TransportRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Connect to one of these addresses and ask no resolver; the host's name still stands in TLS and headers. */
  readonly pinnedTo?: readonly ResolvedAddress[];
}

/** An answer whose body is still to be read, or destroyed. */
export interface TransportResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes as sent; a body with `Content-Encoding: gzip` stays compressed. */
  readonly body: Readable;
}

/**
 * One HTTP exchange: no redirects, no repeats, no decoding. Resolves when the headers are there. Rejects, or
 * destroys the body, with a Node or undici error that carries a `code`, or with the signal's reason; any other
 * error is taken for a fault of our own and not repeated.
 */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

/** Time limits of the connection itself, in real milliseconds. */
export interface TransportTimeouts {
  /** Until the TLS connection stands; default 10 s. */
  readonly connectMilliseconds?: number;
  /** Until the headers are there; default 30 s. */
  readonly headersMilliseconds?: number;
  /** Between two pieces of the body; default 30 s. */
  readonly bodyIdleMilliseconds?: number;
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return result;
}

/** Answers as `dns.lookup` does, for whatever name, with the addresses that were checked. */
function lookupOf(addresses: readonly ResolvedAddress[]): LookupFunction {
  return (_hostname, options, done) => {
    const [first] = addresses;
    if (first === undefined) done(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), []);
    else if (options.all === true) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
}

/** The transport of a deployed function: undici on a connection pool of its own, time-outs on real time. */
export function undiciTransport(timeouts: TransportTimeouts = {}): Transport {
  const connect = { timeout: timeouts.connectMilliseconds ?? 10_000 };
  const limits = {
    headersTimeout: timeouts.headersMilliseconds ?? 30_000,
    bodyTimeout: timeouts.bodyIdleMilliseconds ?? 30_000,
  };
  const agent = new Agent({ connect, ...limits });

  async function exchange(dispatcher: Dispatcher, request: TransportRequest): Promise<TransportResponse> {
    const { method, url, headers, body, signal } = request;
    const response = await undiciRequest(url, {
      dispatcher,
      method,
      headers: { ...headers },
      body: body ?? null,
      signal,
    });
    return { status: response.statusCode, headers: joined(response.headers), body: response.body };
  }

  return async (request) => {
    if (request.pinnedTo === undefined) return exchange(agent, request);
    // A pooled connection would outlive the check of its address.
    const client = new Client(request.url.origin, {
      connect: { ...connect, lookup: lookupOf(request.pinnedTo) },
      ...limits,
    });
    try {
      return await exchange(client, request);
    } finally {
      // Lets the body end first; one that breaks is reported by the body itself.
      client.close().catch(() => undefined);
    }
  };
}
