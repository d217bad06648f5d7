import { Readable } from 'node:stream';

/** How a body is watched. */
export interface DownloadBodyOptions {
  readonly contentLength: number | undefined;
  /** Most real milliseconds that the source may send nothing while bytes are wanted. */
  readonly idleMilliseconds: number;
  readonly signal: AbortSignal;
  /** An error that the first bytes already tell, for example because they begin a page. */
  refuseStart?(firstBytes: Buffer): Error | undefined;
  /** The named error for what broke; `code` is that of the source's error, or `cut`, `longer` or `stalled`. */
  explain(code: string, cause?: unknown): Error;
}

/**
 * Passes a response body on byte by byte, with every way of breaking turned into an error of the returned
 * stream: the source's own errors, a body shorter or longer than announced, silence, and the signal (whose reason is the
 * error then). Destroying the returned stream ends the source, too.
 */
export function downloadBody(source: Readable, options: DownloadBodyOptions): Readable {
  const { contentLength, idleMilliseconds, signal, explain } = options;
  let received = 0;
  let ended = false;
  let idleTimer: NodeJS.Timeout | undefined;

  const disarm = () => {
    clearTimeout(idleTimer);
    idleTimer = undefined;
  };
  const onAbort = () => body.destroy(signal.reason as Error);

  const body = new Readable({
    read() {
      if (ended) return;
      idleTimer ??= setTimeout(() => body.destroy(explain('stalled')), idleMilliseconds);
      source.resume();
    },
    destroy(error, done) {
      disarm();
      signal.removeEventListener('abort', onAbort);
      source.destroy();
      done(error);
    },
  });

  source.on('data', (chunk: Buffer) => {
    const refusal = received === 0 ? options.refuseStart?.(chunk) : undefined;
    received += chunk.length;
    if (refusal !== undefined || (contentLength !== undefined && received > contentLength)) {
      body.destroy(refusal ?? explain('longer'));
      return;
    }
    if (body.push(chunk)) idleTimer?.refresh();
    else {
      // Waiting for a slow reader is not the source's silence.
      disarm();
      source.pause();
    }
  });
  source.on('end', () => {
    ended = true;
    disarm();
    if (contentLength !== undefined && received !== contentLength) body.destroy(explain('cut'));
    else body.push(null);
  });
  source.on('error', (error) => {
    if (!body.destroyed) body.destroy(explain('broken', error));
  });
  source.on('close', () => {
    if (!ended && !body.destroyed) body.destroy(explain('cut'));
  });
  source.pause();

  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return body;
}
