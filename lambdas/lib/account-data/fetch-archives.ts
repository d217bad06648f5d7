import { redact } from '../apple/redact.ts';
import {
  ApiContractError,
  ApiRequestError,
  ApiThrottledError,
  ApiUnavailableError,
  ArchiveTooLargeError,
  DownloadExpiredError,
  HostNotAllowedError,
} from '../errors.ts';
import { archiveKey, type TransferIdentity } from '../lake/personal-keys.ts';
import { type AppleStep, appleStep } from './apple-step.ts';
import {
  adoptWhole,
  keepCutOff,
  keepWhole,
  settledArchive,
  type TooLargeArchive,
  type WholeArchive,
} from './archive-facts.ts';
import { type ListedArchive, readArchiveList } from './archive-list.ts';
import {
  assertNotErased,
  endFetch,
  endTransfer,
  type FetchedInstance,
  publishTransfer,
  readTransfer,
  withTransaction,
} from './archive-publication.ts';
import { ArchiveUrls, ListNotComplete, ListNotFound } from './archive-urls.ts';
import type { InstanceReference, Outcome, StepAnswer } from './contracts.ts';
import type { AppleDeps } from './deps.ts';
import { ageSeconds } from './pauses.ts';
import { answerAfterEnd, findInstance, isFetched, isOver, withInstance } from './series.ts';
import { statusDelay } from './status-delay.ts';
import { endedAnswer, goOnAnswer, waitAnswer } from './step-answers.ts';
import { streamArchive } from './stream-archive.ts';
import { LONGEST_REQUEST_MILLISECONDS, OUTCOME_OF_STATE } from './submission.ts';
import { type FetchWindow, fetchWindow } from './window.ts';

/** No archive is begun with less than this left of the invocation. */
const LEAST_MILLISECONDS_TO_BEGIN = 120_000;

/** Pause before archives are asked for again whose host did not give them. */
const UNAVAILABLE_PAUSE_SECONDS = 900;

/** Pause before archives are asked for again whose host is not admitted: a person has to admit it. */
const REFUSED_HOST_PAUSE_SECONDS = 3600;

/** Errors after which an archive may come whole at another time; the others of the list go on. */
const ERRORS_OF_ONE_ARCHIVE = [ApiUnavailableError, DownloadExpiredError, ApiRequestError] as const;

/** Errors instead of a list of archives; after the three days nothing better can be expected. */
const ERRORS_OF_A_LIST = [ApiUnavailableError, ApiThrottledError, ApiContractError, ApiRequestError] as const;

/** One invocation's work on the archives of one instance. */
class ArchiveFetch {
  readonly #step: AppleStep;
  readonly #deps: AppleDeps;
  readonly #fetched: FetchedInstance;
  readonly #identity: TransferIdentity;
  readonly #urls: ArchiveUrls;
  readonly #window: FetchWindow;
  readonly #settled = new Map<number, WholeArchive | TooLargeArchive>();
  readonly #refused = new Set<number>();
  readonly #looked = new Set<number>();
  readonly #tried = new Set<number>();
  #archives: readonly ListedArchive[] = [];
  /** Bytes of an archive have come in this invocation, so the next archive no longer has all of its time. */
  #hasStreamed = false;
  /** Something is decided that was open before: the next invocation has less to do. */
  #hasProgressed = false;
  #outOfTime = false;
  #unexpected: { readonly error: unknown } | undefined;

  constructor(step: AppleStep, fetched: FetchedInstance) {
    const { grantId, requestId, series } = fetched;
    this.#step = step;
    this.#deps = step.deps;
    this.#fetched = fetched;
    this.#identity = { grantId, requestId };
    this.#window = fetchWindow(fetched.record, step.deps.clock.now());
    this.#urls = new ArchiveUrls(step, this.#identity, {
      requestId,
      parentRequestId: series.parentRequestId,
    });
  }

  async run(): Promise<StepAnswer> {
    const published = await readTransfer(this.#deps, this.#identity);
    if (published !== undefined) return endTransfer(this.#step, published);
    if (this.#window.late) this.#deps.metrics.count('FetchesLate', 1);
    if (this.#window.closing) this.#deps.metrics.count('FetchWindowsClosing', 1);
    try {
      const known = await readArchiveList(this.#deps.store, this.#identity);
      if (known !== undefined) await this.#lookAt(known.archives);
      if (known !== undefined && known.archives.length > 0 && this.#open().length === 0) {
        return await this.#publish();
      }
      await this.#lookAt((await this.#urls.refresh()).archives);
      await this.#fetchOpen();
      return await this.#answer();
    } catch (error) {
      return this.#answerTo(error);
    }
  }

  /** Listed archives of which something is still to be fetched. */
  #open(): readonly ListedArchive[] {
    return this.#archives.filter(({ number, listed }) => listed && !this.#settled.has(number));
  }

  /** There is nothing that a manifest could tell of. */
  get #hasNothing(): boolean {
    return this.#settled.size === 0 && this.#refused.size === 0;
  }

  async #lookAt(archives: readonly ListedArchive[]): Promise<void> {
    this.#archives = archives;
    for (const archive of archives) {
      if (this.#looked.has(archive.number)) continue;
      this.#looked.add(archive.number);
      const settled = await settledArchive(this.#deps.store, this.#identity, archive);
      if (settled !== undefined) this.#settled.set(archive.number, settled);
    }
  }

  async #fetchOpen(): Promise<void> {
    for (;;) {
      const archive = this.#open().find(({ number }) => !this.#tried.has(number));
      if (archive === undefined) return;
      if (this.#deps.deadline - this.#deps.clock.now() < LEAST_MILLISECONDS_TO_BEGIN) {
        this.#outOfTime = true;
        return;
      }
      this.#tried.add(archive.number);
      try {
        await this.#fetch(archive);
      } catch (error) {
        await this.#note(archive, error);
      }
      // A fresh list that came meanwhile may have changed what is open.
      if (this.#urls.list !== undefined) await this.#lookAt(this.#urls.list.archives);
    }
  }

  async #fetch(archive: ListedArchive): Promise<void> {
    const { store } = this.#deps;
    const isFirst = !this.#hasStreamed;
    try {
      const completed = await streamArchive(this.#deps, this.#urls.sourceOf(archive), {
        key: archiveKey(this.#identity, archive.number),
        mayPublish: () => assertNotErased(this.#deps, this.#identity.grantId),
        onFirstBytes: () => {
          this.#hasStreamed = true;
        },
      });
      const whole =
        completed.result === 'written'
          ? await keepWhole(store, this.#identity, archive, completed)
          : await adoptWhole(store, this.#identity, archive);
      if (whole === undefined) return;
      this.#settled.set(archive.number, whole);
      this.#hasProgressed = true;
    } catch (error) {
      if (!(error instanceof ArchiveTooLargeError)) throw error;
      await this.#noteCutOff(archive, Number(error.details.bytes), isFirst);
    }
  }

  /** Only an archive that had the invocation for itself shows that it does not fit into one. */
  async #noteCutOff(archive: ListedArchive, bytes: number, isFirst: boolean): Promise<void> {
    this.#outOfTime = true;
    const facts = { ...this.#identity, archive: archive.number, bytes };
    this.#deps.log.warn('the time was over before the archive had come whole', facts);
    if (!isFirst) return;
    this.#hasProgressed = true;
    const known = await keepCutOff(this.#deps.store, this.#identity, archive, bytes);
    if (known.state === 'cut-off') return;
    this.#settled.set(archive.number, known);
    if (known.state !== 'too-large') return;
    this.#deps.metrics.count('ArchivesTooLarge', 1);
    this.#deps.log.error('the archive is given up: it does not pass within the life of a URL', facts);
  }

  /** What one archive meets never keeps the others from being fetched; what concerns them all is thrown again. */
  async #note(archive: ListedArchive, error: unknown): Promise<void> {
    const facts = { ...this.#identity, archive: archive.number };
    if (error instanceof HostNotAllowedError) {
      if (this.#refused.size === 0) this.#deps.metrics.count('AssetHostsRefused', 1);
      this.#refused.add(archive.number);
      const { host, reason } = error.details;
      this.#deps.log.error('the host of an archive is not admitted', { ...facts, host, reason });
      return;
    }
    if (error instanceof ApiContractError) this.#unexpected ??= { error };
    else if (!ERRORS_OF_ONE_ARCHIVE.some((kind) => error instanceof kind)) throw error;
    const { name, message } = error as Error;
    this.#deps.log.warn('the archive did not come', { ...facts, error: name, reason: message });
  }

  async #answer(): Promise<StepAnswer> {
    const open = this.#open();
    const goesOn = this.#outOfTime && this.#hasProgressed;
    // After the window an empty list says no more than no answer at all.
    const isLost = open.length > 0 || this.#hasNothing;
    if (this.#window.over && isLost && !goesOn) return this.#end('expired');
    if (open.length === 0) return this.#publish();
    if (goesOn) return goOnAnswer('fetch', 'in-progress', this.#fetched.record);
    if (this.#unexpected !== undefined) throw this.#unexpected.error;
    const onlyRefused = open.every(({ number }) => this.#refused.has(number));
    return onlyRefused
      ? this.#wait(REFUSED_HOST_PAUSE_SECONDS, 'host-refused')
      : this.#wait(UNAVAILABLE_PAUSE_SECONDS, 'apple-unavailable');
  }

  #answerTo(error: unknown): Promise<StepAnswer> {
    if (error instanceof ListNotComplete) return this.#waitForCompletion(error.delay);
    if (error instanceof ListNotFound) return this.#end(this.#window.over ? 'expired' : 'request-not-found');
    if (!this.#window.over || !ERRORS_OF_A_LIST.some((kind) => error instanceof kind)) throw error;
    const { name, message } = error as Error;
    this.#deps.log.warn('Apple gives no list of archives, and the three days are over', {
      ...this.#identity,
      error: name,
      reason: redact(message),
    });
    return this.#end('expired');
  }

  /** Waits, but not past the end of the window: the last try lies there. */
  async #wait(seconds: number, outcome: Outcome): Promise<StepAnswer> {
    const { transactionId } = this.#urls;
    await this.#step.update((grant) =>
      withInstance(grant, this.#step.reference, (record) => withTransaction(record, transactionId)),
    );
    const left = (this.#window.endsAt - this.#deps.clock.now()) / 1000;
    return waitAnswer(Math.min(seconds, left), outcome, this.#identity.requestId);
  }

  /** Apple took back that the request is complete: an answer that was not yet complete, like any other. */
  async #waitForCompletion(answered: unknown): Promise<StepAnswer> {
    const { reference, deps } = this.#step;
    const now = deps.clock.now();
    const age = ageSeconds(this.#fetched.record, now);
    if (age * 1000 >= LONGEST_REQUEST_MILLISECONDS) return this.#end('took-too-long');
    const { seconds, capped } = statusDelay(answered, age);
    await this.#step.update((grant) =>
      withInstance(grant, reference, (record) =>
        isOver(record)
          ? record
          : {
              ...withTransaction(record, this.#urls.transactionId),
              lastIncompleteAt: new Date(now).toISOString(),
              notBefore: new Date(now + seconds * 1000).toISOString(),
            },
      ),
    );
    if (capped) deps.metrics.count('StatusDelaysCapped', 1);
    return waitAnswer(seconds, capped ? 'delay-capped' : 'in-progress', this.#identity.requestId);
  }

  async #publish(): Promise<StepAnswer> {
    const found = { archives: this.#archives, settled: this.#settled, refused: this.#refused };
    const manifest = await publishTransfer(this.#deps, this.#fetched, found);
    return endTransfer(this.#step, manifest, this.#urls.transactionId);
  }

  /** Nothing more comes: what is here is published, or the instance ends without anything. */
  async #end(state: 'expired' | 'request-not-found' | 'took-too-long'): Promise<StepAnswer> {
    if (!this.#hasNothing) return this.#publish();
    this.#deps.log.error('nothing of the request can be fetched', { ...this.#identity, state });
    return endFetch(this.#step, state, this.#urls.transactionId);
  }
}

/**
 * Fetches the archives of an instance that Apple completed: asks for their URLs, streams one after the other into S3,
 * and writes the manifest last. What lies there whole is not fetched again, so every repeat goes on where the one
 * before ended. The first list that Apple gives is kept, and later ones are matched with it.
 * Answers: `unpack` (`fetched`, `fetched-partial`), or `next`/`ended` where there is nothing to unpack (`no-archives`,
 * `expired`, `request-not-found`, `took-too-long`); `fetch` when the invocation's time did not suffice; `wait` when Apple is not ready,
 * a host fails or is not admitted, and, when the three days are over, once more and then `expired`.
 * Fails with ApiContractError, within the three days, after all other archives were tried, StorageUnavailableError, WriteConflictError, and
 * what `appleStep` throws.
 */
export function fetchArchives(deps: AppleDeps, reference: InstanceReference): Promise<StepAnswer> {
  return appleStep(deps, reference, async (step) => {
    const found = findInstance(step.grant, reference);
    if (found === undefined) return endedAnswer('not-current');
    const { series, instance: record } = found;
    if (isOver(record) && !isFetched(record)) {
      return answerAfterEnd(step.grant, reference, OUTCOME_OF_STATE[record.state], deps.clock.now());
    }
    if (record.requestId === undefined) return goOnAnswer('submit', 'in-progress');
    const { grantId } = reference;
    return new ArchiveFetch(step, { grantId, requestId: record.requestId, series, record }).run();
  });
}
