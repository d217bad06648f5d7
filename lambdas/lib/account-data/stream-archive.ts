import { ApiContractError, ApiUnavailableError, ArchiveTooLargeError } from '../errors.ts';
import { type ArchiveUpload, beginArchiveUpload, type CompletedUpload } from '../lake/archive-upload.ts';
import type { AssetDownload, StorageDeps } from './deps.ts';

/** Where a download goes on: the bytes from `offset` on, if the archive still has that ETag. */
export interface Resume {
  readonly offset: number;
  readonly etag: string;
}

/** How one archive is opened; it finds URLs that still live. */
export interface ArchiveSource {
  open(options: { readonly signal: AbortSignal; readonly resume?: Resume }): Promise<AssetDownload>;
  /** Whether the life of the URL that was opened last is over. */
  isUrlOver(): boolean;
}

export interface StreamOptions {
  readonly key: string;
  /** Asked when S3 has every byte and nothing is visible yet; what it rejects with ends the upload. */
  mayPublish(): Promise<void>;
  /** Told when the first bytes arrive. */
  onFirstBytes(): void;
}

/** So often a body that was cut, and cannot go on, is begun again. */
const MOST_REPEATS = 3;

/** A resumed download that brought less than this counts as a repeat: it may not go on like that for ever. */
const WORTHWHILE_BYTES = 1024 * 1024;

const LONGEST_TIMER_MILLISECONDS = 2 ** 31 - 1;

/** The end of the invocation as a signal, by the flow's clock and by a timer for a source that is silent. */
class TimeLimit {
  readonly signal: AbortSignal;
  readonly #deps: Pick<StorageDeps, 'clock' | 'deadline'>;
  readonly #over = new AbortController();

  constructor(deps: Pick<StorageDeps, 'clock' | 'deadline'>) {
    this.#deps = deps;
    const left = Math.max(1, deps.deadline - deps.clock.now());
    const timer = AbortSignal.timeout(Math.min(left, LONGEST_TIMER_MILLISECONDS));
    this.signal = AbortSignal.any([this.#over.signal, timer]);
  }

  get isOver(): boolean {
    const over = this.signal.aborted || this.#deps.clock.now() >= this.#deps.deadline;
    if (over) this.#over.abort();
    return over;
  }

  /** Whether the error says nothing but that the time is over. */
  isReason(error: unknown): boolean {
    return this.signal.aborted && error === this.signal.reason;
  }
}

/** One archive on its way from Apple's host into one object. */
class ArchiveStream {
  readonly #deps: StorageDeps;
  readonly #source: ArchiveSource;
  readonly #options: StreamOptions;
  readonly #limit: TimeLimit;
  #upload: ArchiveUpload | undefined;
  #mostBytes = 0;
  #repeats = 0;

  constructor(deps: StorageDeps, source: ArchiveSource, options: StreamOptions) {
    this.#deps = deps;
    this.#source = source;
    this.#options = options;
    this.#limit = new TimeLimit(deps);
  }

  async run(): Promise<CompletedUpload> {
    try {
      await this.#bringAll();
      const upload = this.#upload as ArchiveUpload;
      await upload.flush();
      await this.#options.mayPublish();
      return await upload.complete();
    } catch (error) {
      await this.#dropUpload();
      throw this.#limit.isReason(error) ? this.#timeIsOver() : error;
    }
  }

  #timeIsOver(): Error {
    if (this.#mostBytes > 0) return this.#tooLarge();
    const { key } = this.#options;
    return new ApiUnavailableError(`${key}: its host sent nothing before the time was over.`, {
      details: { key, reason: 'stalled' },
    });
  }

  #tooLarge(): ArchiveTooLargeError {
    const { key } = this.#options;
    return new ArchiveTooLargeError(
      `${key}: the time was over after ${this.#mostBytes} bytes, and more were to come; nothing was made visible.`,
      { details: { key, bytes: this.#mostBytes } },
    );
  }

  async #bringAll(): Promise<void> {
    let resume: Resume | undefined;
    for (;;) {
      const { signal } = this.#limit;
      const download = await this.#source.open({ signal, ...(resume === undefined ? {} : { resume }) });
      const from = await this.#uploadFor(download);
      try {
        return await this.#take(download, from);
      } catch (error) {
        resume = this.#afterCut(error, download, from);
        if (resume === undefined) await this.#dropUpload();
      }
    }
  }

  /** The upload that goes on at the download's offset: the present one, or a new one from the beginning. */
  async #uploadFor(download: AssetDownload): Promise<number> {
    // A body that breaks before its first byte is asked for would end the process; reading it reports the same error.
    download.body.on('error', () => undefined);
    try {
      if (this.#upload !== undefined && download.offset !== this.#upload.bytes) {
        this.#repeats += 1;
        await this.#dropUpload();
      }
      this.#upload ??= await beginArchiveUpload(this.#deps.store, this.#options.key, this.#limit.signal);
      if (download.offset !== this.#upload.bytes) throw this.#wrongOffset(download.offset);
      return this.#upload.bytes;
    } catch (error) {
      download.body.destroy();
      throw error;
    }
  }

  #wrongOffset(offset: number): ApiContractError {
    const { key } = this.#options;
    return new ApiContractError(
      `${key}: its host was asked for the whole archive and answered from byte ${offset} on.`,
      { details: { key, path: 'content-range', offset } },
    );
  }

  async #take({ body }: AssetDownload, from: number): Promise<void> {
    const upload = this.#upload as ArchiveUpload;
    try {
      for await (const piece of body) {
        if (upload.bytes === 0 && this.#mostBytes === 0) this.#options.onFirstBytes();
        await upload.take(piece as Buffer);
        this.#mostBytes = Math.max(this.#mostBytes, upload.bytes);
        if (this.#limit.isOver) throw this.#tooLarge();
      }
    } finally {
      body.destroy();
    }
    this.#deps.log.info('archive arrived', { key: this.#options.key, bytes: upload.bytes - from });
  }

  /** Where to go on after a cut, undefined to begin again; throws when neither is worth it. */
  #afterCut(error: unknown, { resumableWith }: AssetDownload, from: number): Resume | undefined {
    if (!(error instanceof ApiUnavailableError)) throw error;
    const bytes = this.#upload?.bytes ?? 0;
    const canResume = resumableWith !== undefined && bytes > 0;
    if (!canResume && bytes > 0 && this.#source.isUrlOver()) throw this.#tooLarge();
    if (!canResume || bytes - from < WORTHWHILE_BYTES) this.#repeats += 1;
    if (this.#repeats > MOST_REPEATS) throw error;
    this.#deps.log.warn('archive cut', {
      key: this.#options.key,
      bytes,
      next: canResume ? 'resume' : 'begin again',
    });
    return canResume ? { offset: bytes, etag: resumableWith } : undefined;
  }

  async #dropUpload(): Promise<void> {
    const upload = this.#upload;
    this.#upload = undefined;
    await upload?.abort();
  }
}

/**
 * Streams one archive into one object, whose size nobody knows beforehand, in one upload. A cut body goes on where it
 * was if its host allows it, else it is begun again. The upload is taken back on every failure, so nothing half is ever
 * visible. `exists`: an object was there already and stays.
 * Fails with ArchiveTooLargeError when the invocation or the URL's life ended while bytes were still coming
 * (`details.bytes`), with ApiUnavailableError when nothing came before that or the body was cut too often, with what
 * the source or `mayPublish` rejects with, and with what an upload fails with.
 */
export function streamArchive(
  deps: StorageDeps,
  source: ArchiveSource,
  options: StreamOptions,
): Promise<CompletedUpload> {
  return new ArchiveStream(deps, source, options).run();
}
