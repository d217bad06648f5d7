import type { Readable } from 'node:stream';
import { GetObjectCommand, NoSuchKey } from '@aws-sdk/client-s3';
import type { CuratedDate, CuratedDelivery, DeliveryToCurate } from '../curation/curate-delivery.ts';
import {
  DeliveryTooLargeError,
  HistoryRangeError,
  IntegrityError,
  SchemaDriftError,
  SegmentDamagedError,
} from '../errors.ts';
import { CURATION_VERSION, type CuratedHead, type DateRank, publishDate } from '../lake/curated.ts';
import { writeDelivery } from '../lake/deliveries.ts';
import { curatedKey, type InstanceIdentity } from '../lake/keys.ts';
import { type Manifest, readManifest } from '../lake/ledger.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { transferFailure } from '../lake/storage-failures.ts';
import { mapBounded } from '../runtime/bounded.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { withWorkDirectory } from '../runtime/work-directory.ts';
import type { ReportTable } from './report-tables.ts';

/** Dates published at once; each holds one file in memory. */
const PUBLICATIONS_IN_FLIGHT = 4;

/** Errors that concern one delivery: its curation fails, its bytes stay under raw/, and the others go on. */
const ERRORS_OF_ONE_DELIVERY = [
  DeliveryTooLargeError,
  HistoryRangeError,
  IntegrityError,
  SchemaDriftError,
  SegmentDamagedError,
] as const;

/** What curation works with: no Apple credential, no connection to Apple. */
export interface CurateDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: ObjectStore;
  /** End of the invocation, milliseconds since 1970. */
  readonly deadline: number;
  curateDelivery(delivery: DeliveryToCurate): Promise<CuratedDelivery | 'out-of-time'>;
}

/** What is believed to lie under curated keys, to save requests; see `CurationMemory`. */
export interface CuratedHeads {
  headOf(key: string): CuratedHead | undefined;
  remember(key: string, head: CuratedHead): void;
}

export interface CuratedInstance {
  readonly outcome: 'curated';
  readonly delivery: CuratedDelivery;
  /** Dates of which this delivery became the owner now. */
  readonly written: number;
}

export type InstanceCuration =
  | CuratedInstance
  /** Apple no longer had the instance when it was to be landed. */
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'failed'; readonly error: Error }
  /** Dates up to `publishedTo` are published; `progressed`: at least one of them by this call. */
  | {
      readonly outcome: 'out-of-time';
      readonly publishedTo: string | undefined;
      readonly progressed: boolean;
    };

/** What is curated, and from which Date on: those up to `publishedTo` were published by an earlier invocation. */
export interface InstanceToCurate {
  readonly instance: InstanceIdentity;
  readonly table: ReportTable;
  /** `YYYY-MM-DD`. */
  readonly publishedTo: string | undefined;
}

function isOfOneDelivery(error: unknown): error is Error {
  return ERRORS_OF_ONE_DELIVERY.some((kind) => error instanceof kind);
}

function deliveryTooLarge({ instanceId, reportSlug }: InstanceIdentity): DeliveryTooLargeError {
  return new DeliveryTooLargeError(
    `Instance ${instanceId} of ${reportSlug} cannot be curated within one invocation: give the function more memory, or leave the report out and read it under raw/.`,
    { details: { instanceId } },
  );
}

/**
 * What a curation means for those that come after it: one that ran out of time goes on in the next invocation, unless
 * it came nowhere with a whole invocation for itself, since the next one would not do better.
 */
export function settled(
  curation: InstanceCuration,
  instance: InstanceIdentity,
  hadWholeInvocation: boolean,
): InstanceCuration {
  if (curation.outcome !== 'out-of-time' || curation.progressed || !hadWholeInvocation) return curation;
  return { outcome: 'failed', error: deliveryTooLarge(instance) };
}

/** The bytes of a landed segment; what breaks on the way is an error of the stream. */
async function openSegment(store: ObjectStore, key: string): Promise<Readable> {
  try {
    const answer = await store.client.send(new GetObjectCommand({ Bucket: store.bucket, Key: key }));
    return answer.Body as Readable;
  } catch (error) {
    if (!(error instanceof NoSuchKey)) throw error;
    throw new IntegrityError(`The ledger names ${key} and there is no such object: restore it.`, {
      details: { key },
      cause: error,
    });
  }
}

class InstanceCurator {
  readonly #deps: CurateDeps;
  readonly #heads: CuratedHeads;
  readonly #instance: InstanceIdentity;
  readonly #table: ReportTable;
  readonly #publishedTo: string | undefined;

  constructor(deps: CurateDeps, heads: CuratedHeads, { instance, table, publishedTo }: InstanceToCurate) {
    this.#deps = deps;
    this.#heads = heads;
    this.#instance = instance;
    this.#table = table;
    this.#publishedTo = publishedTo;
  }

  async curate({ segments }: Manifest): Promise<InstanceCuration> {
    const { store } = this.#deps;
    const { appId, processingDate, access, instanceId } = this.#instance;
    return withWorkDirectory(async (workDirectory) => {
      const delivery = await this.#deps.curateDelivery({
        table: this.#table,
        appId,
        processingDate,
        access,
        instanceId,
        segments: segments.map(({ key }) => ({ key, open: () => openSegment(store, key) })),
        workDirectory,
        mayGoOn: () => this.#mayGoOn(),
      });
      if (delivery === 'out-of-time') {
        return { outcome: 'out-of-time', publishedTo: this.#publishedTo, progressed: false };
      }
      return this.#publish(delivery);
    });
  }

  async #publish(delivery: CuratedDelivery): Promise<InstanceCuration> {
    const { dates } = delivery;
    const publishedTo = this.#publishedTo ?? '';
    const left = dates.filter(({ date }) => date > publishedTo);
    const outcomes = await mapBounded(left, PUBLICATIONS_IN_FLIGHT, async (curated) =>
      this.#mayGoOn() ? this.#publishDate(curated, curated === dates.at(-1)) : undefined,
    );
    const unpublished = outcomes.indexOf(undefined);
    if (unpublished >= 0) {
      const last = left[unpublished - 1]?.date;
      return { outcome: 'out-of-time', publishedTo: last ?? this.#publishedTo, progressed: unpublished > 0 };
    }
    await writeDelivery(this.#deps.store, this.#instance, dates, CURATION_VERSION);
    const written = outcomes.filter((outcome) => outcome === 'written').length;
    return { outcome: 'curated', delivery, written };
  }

  async #publishDate({ date, isFinal, file }: CuratedDate, isNewest: boolean): Promise<'written' | 'kept'> {
    const { processingDate, access, instanceId } = this.#instance;
    const key = curatedKey(this.#table, date, this.#instance);
    const rank: DateRank = { isFinal, processingDate, access, instanceId, curationVersion: CURATION_VERSION };
    const isNew = this.#table.keepsDeliveries || (isNewest && access === 'ONGOING');
    const believed = this.#heads.headOf(key) ?? (isNew ? 'absent' : undefined);
    const { outcome, head } = await publishDate(this.#deps.store, { key, rank, file }, believed);
    // Only daily Dates are told of again and again.
    if (this.#table.granularity === 'DAILY' && !this.#table.keepsDeliveries) this.#heads.remember(key, head);
    return outcome;
  }

  #mayGoOn(): boolean {
    return this.#deps.clock.now() < this.#deps.deadline;
  }
}

/**
 * Curates one landed instance: all its segments or none, each of its Dates published by rank, the delivery object
 * last. What concerns this instance alone is the outcome `failed`, with nothing of it published; faults of S3 are
 * thrown. Repeating it is harmless, and after `out-of-time` it goes on behind `publishedTo`.
 * Fails with WriteConflictError, StorageUnavailableError and S3's own errors.
 */
export async function curateInstance(
  deps: CurateDeps,
  heads: CuratedHeads,
  toCurate: InstanceToCurate,
): Promise<InstanceCuration> {
  const manifest = await readManifest(deps.store, toCurate.instance);
  if (manifest === undefined || manifest.outcome === 'expired') return { outcome: 'expired' };
  try {
    return await new InstanceCurator(deps, heads, toCurate).curate(manifest);
  } catch (error) {
    if (isOfOneDelivery(error)) return { outcome: 'failed', error };
    throw transferFailure(`instance ${toCurate.instance.instanceId}`, error);
  }
}
