import * as z from 'zod';
import { sha256OfObject } from '../lake/landing.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { archiveFactsKey, archiveKey, type TransferIdentity } from '../lake/personal-keys.ts';
import { transferFailure } from '../lake/storage-failures.ts';
import type { ListedArchive } from './archive-list.ts';

const identity = { number: z.int().positive(), name: z.string(), bytes: z.int().nonnegative() };

/** An archive that lies whole under its key. */
const wholeArchive = z.object({ state: z.literal('whole'), ...identity, sha256: z.string() });
export type WholeArchive = z.infer<typeof wholeArchive>;

/** An archive that was still coming when its time was over, `times` times; `bytes` came at most. */
const cutOffArchive = z.object({ state: z.literal('cut-off'), ...identity, times: z.int().positive() });

/** An archive that is not tried again: it never passes within the life of a URL. */
const tooLargeArchive = z.object({ state: z.literal('too-large'), ...identity });
export type TooLargeArchive = z.infer<typeof tooLargeArchive>;

/** What is known of one archive beside its bytes. It holds no time, so repeated work leaves the same bytes. */
export const archiveFacts = z.discriminatedUnion('state', [wholeArchive, cutOffArchive, tooLargeArchive]);
export type ArchiveFacts = z.infer<typeof archiveFacts>;

/** An archive with so many invocations that ended while it was coming is too large. */
const MOST_CUT_OFFS = 2;

async function readFacts(store: ObjectStore, instance: TransferIdentity, number: number) {
  return (await store.readJson(archiveFactsKey(instance, number), archiveFacts))?.value;
}

async function writeFacts(
  store: ObjectStore,
  instance: TransferIdentity,
  facts: ArchiveFacts,
): Promise<void> {
  await store.writeText(archiveFactsKey(instance, facts.number), jsonText(facts));
}

/** Keeps that the archive lies whole under its key. */
export async function keepWhole(
  store: ObjectStore,
  instance: TransferIdentity,
  { number, name }: ListedArchive,
  { bytes, sha256 }: { readonly bytes: number; readonly sha256: string },
): Promise<WholeArchive> {
  const facts: WholeArchive = { state: 'whole', number, name, bytes, sha256 };
  await writeFacts(store, instance, facts);
  return facts;
}

/**
 * Reads an object that lies whole under the archive's key, and keeps what it finds; undefined when there is none.
 * Fails with StorageUnavailableError when S3 breaks off.
 */
export async function adoptWhole(
  store: ObjectStore,
  instance: TransferIdentity,
  archive: ListedArchive,
): Promise<WholeArchive | undefined> {
  const key = archiveKey(instance, archive.number);
  const object = await store.facts(key);
  if (object === undefined) return undefined;
  try {
    const sha256 = await sha256OfObject(store, key);
    return await keepWhole(store, instance, archive, { bytes: object.bytes, sha256 });
  } catch (error) {
    throw transferFailure(key, error);
  }
}

/**
 * The archive if nothing more has to be fetched of it, else undefined. An object becomes visible only whole, so one
 * without facts, which a death leaves behind, is read and kept instead of fetched again.
 */
export async function settledArchive(
  store: ObjectStore,
  instance: TransferIdentity,
  archive: ListedArchive,
): Promise<WholeArchive | TooLargeArchive | undefined> {
  const facts = await readFacts(store, instance, archive.number);
  const object = await store.facts(archiveKey(instance, archive.number));
  if (object === undefined) return facts?.state === 'too-large' ? facts : undefined;
  if (facts?.state === 'whole' && facts.bytes === object.bytes) return facts;
  return adoptWhole(store, instance, archive);
}

/** Keeps that the time was over after `bytes`; the result says whether the archive is given up as too large. */
export async function keepCutOff(
  store: ObjectStore,
  instance: TransferIdentity,
  { number, name }: ListedArchive,
  bytes: number,
): Promise<ArchiveFacts> {
  const before = await readFacts(store, instance, number);
  if (before !== undefined && before.state !== 'cut-off') return before;
  const times = (before?.times ?? 0) + 1;
  const most = Math.max(bytes, before?.bytes ?? 0);
  const facts: ArchiveFacts =
    times < MOST_CUT_OFFS
      ? { state: 'cut-off', number, name, bytes: most, times }
      : { state: 'too-large', number, name, bytes: most };
  await writeFacts(store, instance, facts);
  return facts;
}
