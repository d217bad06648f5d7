import type { Readable } from 'node:stream';
import { ApiContractError, ApiRequestError, ApiUnavailableError, DownloadExpiredError } from '../errors.ts';
import { bodyKind } from './answer-body.ts';
import { type AssetHostPolicyOptions, assetHostPolicy, assetHostRefused } from './asset-hosts.ts';
import { downloadBody } from './download-body.ts';
import { connectionFault } from './failures.ts';
import { redact } from './redact.ts';
import { contentLengthOf, storageCode, storageVerdict } from './storage-answers.ts';
import { withinTime } from './time-limit.ts';
import type { Transport, TransportResponse } from './transport.ts';

const HEADERS_MILLISECONDS = 30_000;
/** S3 gives up a write whose body is silent for 20 s: a source that stalls has to be the first to say so. */
const IDLE_MILLISECONDS = 15_000;
const MOST_REDIRECTS = 3;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const LONGEST_NAME = 100;

/** An open download of an archive. */
export interface AssetDownload {
  /** Position of the first byte of `body` in the archive: 0, or where a resumed download goes on. */
  readonly offset: number;
  /** Bytes of the whole archive, where the host announced them. */
  readonly totalBytes: number | undefined;
  /** Present where the host said `Accept-Ranges: bytes` and gave a strong ETag: only then it can be resumed. */
  readonly resumableWith: string | undefined;
  /** Ends only when all announced bytes came; rejects with ApiUnavailableError when it is cut or stalls. */
  readonly body: Readable;
}

/** Where a download that broke off is to go on, if the archive still has that ETag. */
export interface AssetResumption {
  readonly offset: number;
  readonly etag: string;
}

/** Opens the downloads of archives. */
export interface AssetDownloader {
  /**
   * Opens an archive's URL without any credential of ours, after at most three redirects, each under the same rules
   * for hosts. Rejects with HostNotAllowedError (`details.host`), DownloadExpiredError (401, 403, 404, 410),
   * ApiUnavailableError (network, 408, 429, 5xx, a page instead of an archive), ApiRequestError (any other 4xx),
   * ApiContractError (an encoded body, or a part of the archive that was not asked for), or the signal's reason.
   */
  open(
    url: string,
    options: { readonly signal: AbortSignal; readonly resume?: AssetResumption },
  ): Promise<AssetDownload>;
}

/** What is admitted, and how to reach it. */
export interface AssetDownloaderOptions extends AssetHostPolicyOptions {
  readonly transport: Transport;
  /** In real milliseconds; default 30 s until the headers, and 15 s of silence between two pieces of the body. */
  readonly timeouts?: { readonly headersMilliseconds?: number; readonly idleMilliseconds?: number };
}

/** Ends a body that nobody reads; its own complaint about that is not news. */
function letGo(body: Readable): void {
  body.on('error', () => undefined).destroy();
}

/** A host and the last part of a path: the rest of a URL may carry ids. */
function described(url: URL): string {
  const name = url.pathname.split('/').at(-1) ?? '';
  return redact(`${name === '' ? 'an archive' : name.slice(0, LONGEST_NAME)} on host ${url.host}`);
}

function unavailable(url: URL, reason: string, details: Readonly<Record<string, unknown>> = {}): Error {
  return new ApiUnavailableError(`The download of ${described(url)} failed (${reason}). Run it again.`, {
    details: { host: url.host, reason, ...details },
  });
}

async function refusalOf(url: URL, response: TransportResponse, signal: AbortSignal): Promise<Error> {
  const { status } = response;
  const code = await storageCode(response, signal);
  const details = { host: url.host, status, code };
  const said = `${status}${code === '' ? '' : ` ${code}`}`;
  const verdict = status === 401 ? 'expired' : storageVerdict(status, code);
  if (verdict === 'unavailable') return unavailable(url, said, details);
  if (verdict === 'expired') {
    return new DownloadExpiredError(
      `The signed URL of ${described(url)} is no longer valid (${said}): ask for a fresh one.`,
      { details },
    );
  }
  return new ApiRequestError(`The host rejects the download of ${described(url)} (${said}): report it.`, {
    status,
    code,
    details,
  });
}

function contractError(url: URL, why: string): ApiContractError {
  return new ApiContractError(`The answer with ${described(url)} ${why}: report it.`, {
    details: { host: url.host, reason: why },
  });
}

function entityTagOf(headers: Readonly<Record<string, string>>): string | undefined {
  return /^"[^"]*"$/.test(headers.etag ?? '') ? headers.etag : undefined;
}

/** Bytes of the whole archive, when an answer holds its very rest from the asked position on. */
function totalOfMatchingRest(
  { status, headers }: TransportResponse,
  { offset, etag }: AssetResumption,
): number | undefined {
  if (status !== 206 || (headers.etag ?? etag) !== etag) return undefined;
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(headers['content-range'] ?? '');
  const [first, last, total] = (range ?? []).slice(1).map(Number);
  return first === offset && total !== undefined && last === total - 1 ? total : undefined;
}

interface OpenedAnswer {
  readonly url: URL;
  readonly response: TransportResponse;
  readonly offset: number;
  readonly totalBytes: number | undefined;
}

/** What keeps an answer from being an archive, or the rest of one. */
function problemOf(
  url: URL,
  { status, headers }: TransportResponse,
  isMatchingRest: boolean,
): Error | undefined {
  if (status !== 200 && !isMatchingRest) return contractError(url, `has the status ${status}`);
  if (/\bx?html\b/i.test(headers['content-type'] ?? '')) return unavailable(url, 'page', { status });
  const encoding = headers['content-encoding'] ?? 'identity';
  return encoding.toLowerCase() === 'identity' ? undefined : contractError(url, 'has an encoded body');
}

/** Builds the downloader; throws `EnvironmentError` when a trusted origin is none. */
export function assetDownloader(options: AssetDownloaderOptions): AssetDownloader {
  const { transport } = options;
  const admit = assetHostPolicy(options);
  const headersMilliseconds = options.timeouts?.headersMilliseconds ?? HEADERS_MILLISECONDS;
  const idleMilliseconds = options.timeouts?.idleMilliseconds ?? IDLE_MILLISECONDS;

  async function request(
    url: URL,
    resume: AssetResumption | undefined,
    signal: AbortSignal,
  ): Promise<TransportResponse> {
    const addresses = await admit(url);
    return transport({
      method: 'GET',
      url,
      headers: {
        accept: '*/*',
        'accept-encoding': 'identity',
        'user-agent': 'apple-data-pipeline',
        ...(resume === undefined ? {} : { range: `bytes=${resume.offset}-`, 'if-range': resume.etag }),
      },
      ...(addresses === undefined ? {} : { pinnedTo: addresses }),
      signal,
    });
  }

  /** Follows redirects; resolves with the last answer and its URL. */
  async function requestFollowing(first: URL, resume: AssetResumption | undefined, signal: AbortSignal) {
    let url = first;
    for (let redirects = 0; ; redirects += 1) {
      const response = await request(url, resume, signal);
      if (!REDIRECTS.includes(response.status)) return { url, response };
      letGo(response.body);
      if (redirects === MOST_REDIRECTS)
        throw assetHostRefused(url.host, `it redirects more than ${redirects} times`);
      const location = response.headers.location ?? '';
      if (location === '' || !URL.canParse(location, url.href)) {
        throw assetHostRefused(url.host, 'it redirects to nowhere');
      }
      url = new URL(location, url);
    }
  }

  async function open(
    first: URL,
    resume: AssetResumption | undefined,
    signal: AbortSignal,
  ): Promise<OpenedAnswer> {
    const { url, response } = await requestFollowing(first, resume, signal);
    const totalOfRest = resume === undefined ? undefined : totalOfMatchingRest(response, resume);
    if (resume !== undefined && totalOfRest === undefined && [206, 416].includes(response.status)) {
      letGo(response.body);
      return open(first, undefined, signal);
    }
    if (response.status >= 400) throw await refusalOf(url, response, signal);
    const problem = problemOf(url, response, totalOfRest !== undefined);
    if (problem !== undefined) {
      letGo(response.body);
      throw problem;
    }
    return totalOfRest === undefined
      ? { url, response, offset: 0, totalBytes: contentLengthOf(response.headers) }
      : { url, response, offset: resume?.offset ?? 0, totalBytes: totalOfRest };
  }

  function toDownload(opened: OpenedAnswer, signal: AbortSignal): AssetDownload {
    const { url, response, totalBytes, offset } = opened;
    const isResumable = /\bbytes\b/i.test(response.headers['accept-ranges'] ?? '') || response.status === 206;
    return {
      offset,
      totalBytes,
      resumableWith: isResumable ? entityTagOf(response.headers) : undefined,
      body: downloadBody(response.body, {
        contentLength: totalBytes === undefined ? undefined : totalBytes - offset,
        idleMilliseconds,
        signal,
        refuseStart: (bytes) =>
          offset === 0 && bodyKind(bytes.subarray(0, 64).toString('latin1'), undefined) === 'markup'
            ? unavailable(url, 'page')
            : undefined,
        explain: (code, cause) => unavailable(url, connectionFault(cause) ?? code),
      }),
    };
  }

  return {
    async open(text, { signal, resume }) {
      // A text that is no URL has no host to name.
      if (!URL.canParse(text)) throw assetHostRefused('(none)', 'its address is not an absolute URL');
      const url = new URL(text);
      // Aborting after the headers must end the body, so the transport's signal outlives the header limit.
      const transfer = new AbortController();
      try {
        const opened = await withinTime(headersMilliseconds, signal, (headersSignal) => {
          headersSignal.addEventListener('abort', () => transfer.abort(headersSignal.reason), { once: true });
          return open(url, resume, transfer.signal);
        });
        return toDownload(opened, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const fault = connectionFault(error);
        throw fault === undefined ? error : unavailable(url, fault);
      }
    },
  };
}
