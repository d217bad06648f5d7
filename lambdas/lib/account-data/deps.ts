import type { AccountDataTransfer } from '../apple/account-data-answers.ts';
import type { AssetDownload } from '../apple/asset-download.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Grant } from './grant.ts';
import type { AccountDataMetric } from './metric-names.ts';

export type { AssetDownload };

/** Counts that alarms watch. */
export interface AccountDataMetrics {
  count(name: AccountDataMetric, value: number): void;
}

/** What every step of account data works with. */
export interface StorageDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: AccountDataMetrics;
  /** The personal bucket. */
  readonly store: ObjectStore;
  /** When the step's work has to be over, milliseconds since 1970. */
  readonly deadline: number;
}

/** What the steps that talk to Apple work with besides. */
export interface AppleDeps extends StorageDeps {
  /** The personal bucket as grants are written to it: encrypted with their own key. */
  readonly grants: ObjectStore;
  /**
   * Calls for one grant, with an access token of its own that is kept until shortly before it expires. A refresh
   * token that Apple gives anew is written to the grant before the call goes on.
   */
  connect(grant: Grant): AccountDataTransfer;
  /**
   * Opens an archive's URL without any credential. `resume` asks for the bytes from `offset` on, if the archive still
   * has that ETag; the answer's `offset` is 0 when it does not. Rejects with HostNotAllowedError (`details.host`),
   * DownloadExpiredError (401, 403, 404, 410), ApiUnavailableError (network, 408, 429, 5xx, a page instead of an
   * archive), ApiRequestError (any other 4xx), or the signal's reason.
   */
  openAsset(
    url: string,
    options: {
      readonly signal: AbortSignal;
      readonly resume?: { readonly offset: number; readonly etag: string };
    },
  ): Promise<AssetDownload>;
  /** Whether a grant whose series reached its end gets another one. */
  readonly renewSeries: boolean;
}

/** What cancelling works with besides. */
export interface CancelDeps extends AppleDeps {
  /** Ends the execution of that name, if it runs; false when there is none. */
  stopExecution(name: string): Promise<boolean>;
  /** Starts the machine; harmless when an execution of that name exists. */
  startExecution(name: string, input: unknown): Promise<void>;
}
