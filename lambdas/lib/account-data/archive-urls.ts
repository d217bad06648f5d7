import type { RequestIds } from '../apple/account-data-answers.ts';
import { DownloadExpiredError } from '../errors.ts';
import type { TransferIdentity } from '../lake/personal-keys.ts';
import type { AppleStep } from './apple-step.ts';
import { type ArchiveList, keepArchiveList, type ListedArchive } from './archive-list.ts';
import type { ArchiveSource } from './stream-archive.ts';

const MINUTE = 60_000;

/** A URL lives 15 minutes; one that is older than this begins no download any more. */
const URL_USE_MILLISECONDS = 12 * MINUTE;
const URL_LIFE_MILLISECONDS = 15 * MINUTE;

/** Lists that one archive may cost an invocation besides the first. */
const MOST_FRESH_LISTS = 3;

/** Apple says that the request is not complete after all: ask again after `delay`, of whatever kind it is. */
export class ListNotComplete extends Error {
  readonly delay: unknown;

  constructor(delay: unknown) {
    super();
    this.delay = delay;
  }
}

/** Apple does not know the request, or no longer. */
export class ListNotFound extends Error {}

/**
 * Apple's URLs of one instance, in the memory of one invocation only, and the archives that they stand for.
 * Its calls reject with ListNotComplete and ListNotFound, which never leave the step, besides what Apple's calls and
 * the store reject with.
 */
export class ArchiveUrls {
  /** As Apple's latest answer left it; undefined before the first. */
  list: ArchiveList | undefined;
  /** Of the latest call; Apple's support asks for it. */
  transactionId: string | undefined;
  readonly #step: AppleStep;
  readonly #instance: TransferIdentity;
  readonly #ids: RequestIds;
  #urls: ReadonlyMap<number, string> = new Map();
  #requestedAt = 0;

  constructor(step: AppleStep, instance: TransferIdentity, ids: RequestIds) {
    this.#step = step;
    this.#instance = instance;
    this.#ids = ids;
  }

  /** Asks Apple for fresh URLs and matches them with the archives that are known. */
  async refresh(): Promise<ArchiveList> {
    const { apple, deps } = this.#step;
    const answer = await apple.downloadUrls(this.#ids);
    this.transactionId = answer.transactionId;
    if (answer.result === 'not-complete') throw new ListNotComplete(answer.delay);
    if (answer.result === 'not-found') throw new ListNotFound();
    const { list, match, urls } = await keepArchiveList(deps.store, this.#instance, answer.urls);
    if (match !== 'same-names') {
      deps.log.warn("Apple's list of archives has changed", {
        ...this.#instance,
        match,
        archives: answer.urls.length,
      });
    }
    this.list = list;
    this.#urls = urls;
    this.#requestedAt = answer.requestedAt;
    return list;
  }

  /** How an archive is opened: with a URL that still lives, fresh where Apple's host refuses the present one. */
  sourceOf({ number }: ListedArchive): ArchiveSource {
    const { clock, openAsset } = this.#step.deps;
    let freshLists = 0;
    let requestedAt = this.#requestedAt;
    const fresh = async (): Promise<void> => {
      freshLists += 1;
      await this.refresh();
    };
    return {
      open: async (options) => {
        if (clock.now() - this.#requestedAt > URL_USE_MILLISECONDS) await fresh();
        for (;;) {
          requestedAt = this.#requestedAt;
          try {
            return await openAsset(this.#urlOf(number), options);
          } catch (error) {
            if (!(error instanceof DownloadExpiredError) || freshLists >= MOST_FRESH_LISTS) throw error;
            await fresh();
          }
        }
      },
      isUrlOver: () => clock.now() - requestedAt >= URL_LIFE_MILLISECONDS,
    };
  }

  #urlOf(number: number): string {
    const url = this.#urls.get(number);
    if (url !== undefined) return url;
    throw new DownloadExpiredError(`Apple's latest list no longer has archive ${number}.`, {
      details: { ...this.#instance, number },
    });
  }
}
