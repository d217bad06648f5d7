import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { HostNotAllowedError } from '../errors.ts';
import { originOf } from './hosts.ts';
import { isPublicAddress } from './public-address.ts';
import type { ResolvedAddress } from './transport.ts';

/** Resolves a name to all of its addresses; rejects with an error that has a `code` when it cannot. */
export type AddressLookup = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** The resolver of the operating system. */
export const systemLookup: AddressLookup = async (hostname) =>
  (await lookup(hostname, { all: true })).map(({ address, family }) => ({
    address,
    family: family === 6 ? 6 : 4,
  }));

/** What is admitted. */
export interface AssetHostPolicyOptions {
  /** Exact hosts, or suffixes with their leading dot; empty admits every public host. */
  readonly assetHosts: readonly string[];
  /** Exact origins (scheme, host, port) that are admitted as they stand. */
  readonly trustedOrigins: readonly string[];
  readonly lookup: AddressLookup;
}

/**
 * Decides where archives may be fetched from, since Apple publishes no host for them. Admits https on the default
 * port, of a name whose every address is public, and gives those addresses, so that the connection goes to none
 * but them; `undefined` for a trusted origin, which needs none. Rejects with `HostNotAllowedError`, whose
 * `details.host` names the host and whose texts hold nothing else of the URL, or with the resolver's error.
 */
export type AssetHostPolicy = (url: URL) => Promise<readonly ResolvedAddress[] | undefined>;

/** The refusal of a URL, or of where it leads to. */
export function assetHostRefused(host: string, why: string): HostNotAllowedError {
  return new HostNotAllowedError(
    `The download of an archive from host ${host} is refused: ${why}. If Apple keeps archives there, admit it in ` +
      'the configuration.',
    { details: { host, reason: why } },
  );
}

function matches(hostname: string, entry: string): boolean {
  return entry.startsWith('.') ? hostname.endsWith(entry) : hostname === entry;
}

/** Builds the policy; throws `EnvironmentError` when a trusted origin is none. */
export function assetHostPolicy(options: AssetHostPolicyOptions): AssetHostPolicy {
  const trusted = new Set(options.trustedOrigins.map((origin) => originOf(origin, 'trusted origin')));
  const admitted = options.assetHosts.map((entry) => entry.toLowerCase());

  function problemOf({ protocol, port, hostname, username, password }: URL): string | undefined {
    if (username !== '' || password !== '') return 'it carries user information';
    if (protocol !== 'https:') return 'it is not https';
    if (port !== '') return 'it names a port';
    if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return 'it is an IP address';
    if (admitted.length > 0 && !admitted.some((entry) => matches(hostname, entry))) {
      return 'it is not one of the configured hosts';
    }
    return undefined;
  }

  return async (url) => {
    if (trusted.has(url.origin) && url.username === '' && url.password === '') return undefined;
    const problem = problemOf(url);
    if (problem !== undefined) throw assetHostRefused(url.host, problem);
    const addresses = await options.lookup(url.hostname);
    if (addresses.length === 0) throw assetHostRefused(url.host, 'its name has no address');
    if (!addresses.every(({ address }) => isPublicAddress(address))) {
      throw assetHostRefused(url.host, 'its name has an address that is not public');
    }
    return addresses;
  };
}
