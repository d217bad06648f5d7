import { isIP } from 'node:net';
import { EnvironmentError, HostNotAllowedError } from '../errors.ts';

/** Where Apple keeps segments today, and the other suffixes that its published clients admit. */
const DOWNLOAD_SUFFIXES = ['.amazonaws.com', '.apple.com', '.mzstatic.com'] as const;

/** Decides which hosts may be called; refusals are `HostNotAllowedError`s that name the host and nothing else. */
export interface HostPolicy {
  /** Admits exactly the API's origin: the only place that a bearer token goes to. */
  assertApi(url: URL): void;
  /** Admits https on the default port under the known suffixes, or an exact trusted origin. */
  assertDownload(url: URL): void;
}

/** What is admitted. */
export interface HostPolicyOptions {
  readonly apiOrigin: string;
  /** Exact origins (scheme, host, port) that are admitted as they stand. */
  readonly trustedOrigins: readonly string[];
  /** Each with its leading dot, so that `evil-apple.com` does not match. */
  readonly downloadSuffixes?: readonly string[];
}

/** The origin of a configured URL; throws `EnvironmentError` that says `what` is none. */
export function originOf(text: string, what: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin === 'null') {
    throw new EnvironmentError(
      `The ${what} is not an origin such as https://host: correct the configuration.`,
    );
  }
  return origin;
}

function refuse(url: URL, kind: string, why: string): never {
  throw new HostNotAllowedError(
    `The ${kind} on host ${url.host} is refused: ${why}. If Apple moved it, extend the allowed hosts.`,
    { details: { host: url.host, reason: why } },
  );
}

/** Builds the policy; throws `EnvironmentError` when a configured origin is none. */
export function hostPolicy(options: HostPolicyOptions): HostPolicy {
  const apiOrigin = originOf(options.apiOrigin, 'API base URL');
  const trusted = new Set(options.trustedOrigins.map((origin) => originOf(origin, 'trusted origin')));
  const suffixes = options.downloadSuffixes ?? DOWNLOAD_SUFFIXES;
  const refuseUserinfo = (url: URL, kind: string) => {
    if (url.username !== '' || url.password !== '') refuse(url, kind, 'it carries user information');
  };
  return {
    assertApi(url) {
      refuseUserinfo(url, 'API link');
      if (url.origin !== apiOrigin) refuse(url, 'API link', "it leaves the API's origin");
      if (url.protocol !== 'https:' && !trusted.has(url.origin)) refuse(url, 'API link', 'it is not https');
    },
    assertDownload(url) {
      refuseUserinfo(url, 'download');
      if (trusted.has(url.origin)) return;
      if (url.protocol !== 'https:') refuse(url, 'download', 'it is not https');
      if (url.port !== '') refuse(url, 'download', 'it names a port');
      if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) refuse(url, 'download', 'it is an IP address');
      if (!suffixes.some((suffix) => url.hostname.endsWith(suffix))) {
        refuse(url, 'download', 'it is not one of the allowed hosts');
      }
    },
  };
}
