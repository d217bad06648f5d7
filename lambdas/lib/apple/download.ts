import type { Readable } from 'node:stream';
import {
  ApiRequestError,
  ApiUnavailableError,
  DownloadExpiredError,
  HostNotAllowedError,
} from '../errors.ts';
import { downloadBody } from './download-body.ts';
import { connectionFault } from './failures.ts';
import { hostPolicy } from './hosts.ts';
import { redact } from './redact.ts';
import { contentLengthOf, storageCode, storageVerdict } from './storage-answers.ts';
import { withinTime } from './time-limit.ts';
import type { Transport, TransportResponse } from './transport.ts';

/** An open download. The body is raw: a `Content-Encoding` of the object is not undone. */
export interface Download {
  /** Bytes announced by the storage, `undefined` when it names none. */
  readonly contentLength: number | undefined;
  /** Ends only when all announced bytes came; its errors are named as those of `open`. */
  readonly body: Readable;
}

/** Opens the downloads of segments. */
export interface Downloader {
  /**
   * Opens a signed URL once, without any credential of ours and without following redirects. Rejects with
   * `HostNotAllowedError`, `DownloadExpiredError` (list the segments again), `ApiUnavailableError` (storage or
   * network failed, or it stalled), `ApiRequestError` (storage refuses the request itself), or the signal's reason.
   */
  open(url: string, options: { readonly signal: AbortSignal }): Promise<Download>;
}

/** Origins admitted besides Apple's hosts, and how to reach them. */
export interface DownloaderOptions {
  readonly trustedOrigins: readonly string[];
  readonly transport: Transport;
  /** In real milliseconds; default 30 s until the headers, and 15 s of silence between two pieces of the body. */
  readonly timeouts?: { readonly headersMilliseconds?: number; readonly idleMilliseconds?: number };
}

/** S3 gives up a write whose body is silent for 20 s: a source that stalls has to be the first to say so. */
const IDLE_MILLISECONDS = 15_000;

async function failureOf(where: string, response: TransportResponse, signal: AbortSignal): Promise<Error> {
  const { status } = response;
  const code = await storageCode(response, signal);
  const details = { url: where, status, code };
  const said = `${status}${code === '' ? '' : ` ${code}`}`;
  if (status < 400) {
    return new HostNotAllowedError(
      `The download of ${where} was answered with ${status}: a redirect is never followed.`,
      { details: { host: new URL(where).host, reason: 'redirect' } },
    );
  }
  const verdict = storageVerdict(status, code);
  if (verdict === 'unavailable') {
    return new ApiUnavailableError(`The storage could not serve ${where} (${said}). Run it again later.`, {
      details,
    });
  }
  if (verdict === 'expired') {
    return new DownloadExpiredError(
      `The signed URL of ${where} is no longer valid (${said}): list the segments again for a fresh one.`,
      { details },
    );
  }
  return new ApiRequestError(`The storage rejects the download of ${where} (${said}): report it.`, {
    status,
    code,
    details,
  });
}

/** Opens segment downloads on the hosts that Apple keeps them on, or on a trusted origin. */
export function downloader(options: DownloaderOptions): Downloader {
  const { transport } = options;
  // No API origin is needed: this policy is only asked about downloads.
  const hosts = hostPolicy({
    apiOrigin: 'https://api.appstoreconnect.apple.com',
    trustedOrigins: options.trustedOrigins,
  });
  const headersMilliseconds = options.timeouts?.headersMilliseconds ?? 30_000;
  const idleMilliseconds = options.timeouts?.idleMilliseconds ?? IDLE_MILLISECONDS;

  function parse(text: string): URL {
    if (!URL.canParse(text)) {
      throw new HostNotAllowedError(
        'A segment has a download address that is not an absolute URL: report it.',
        {
          details: { reason: 'not a URL' },
        },
      );
    }
    const url = new URL(text);
    hosts.assertDownload(url);
    return url;
  }

  return {
    async open(text, { signal }) {
      const url = parse(text);
      const where = redact(url.href);
      const explain = (code: string, cause?: unknown): Error => {
        const reason = connectionFault(cause) ?? code;
        return new ApiUnavailableError(`The download of ${where} broke off (${reason}). Run it again.`, {
          details: { url: where, reason },
        });
      };
      // Aborting after the headers must end the body, so the transport's signal outlives the header limit.
      const transfer = new AbortController();
      try {
        const response = await withinTime(headersMilliseconds, signal, async (headersSignal) => {
          const onAbort = () => transfer.abort(headersSignal.reason);
          headersSignal.addEventListener('abort', onAbort, { once: true });
          const opened = await transport({
            method: 'GET',
            url,
            headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'apple-data-pipeline' },
            signal: transfer.signal,
          });
          if (opened.status !== 200) throw await failureOf(where, opened, headersSignal);
          return opened;
        });
        const contentLength = contentLengthOf(response.headers);
        return {
          contentLength,
          body: downloadBody(response.body, { contentLength, idleMilliseconds, signal, explain }),
        };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw connectionFault(error) === undefined ? error : explain('broken', error);
      }
    },
  };
}
