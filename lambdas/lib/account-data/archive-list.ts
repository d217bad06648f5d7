import * as z from 'zod';
import { WriteConflictError } from '../errors.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { archiveListKey, type TransferIdentity } from '../lake/personal-keys.ts';
import { archiveName } from './archive-name.ts';

/**
 * Apple gives no ids to archives and does not say whether its list stays the same from one call to the next. The
 * first list is therefore kept, and every later one is matched with it, so that a number always means one archive.
 */
const listedArchive = z.object({
  /** Counts from 1 in the order of Apple's first list; what only a later list names follows behind. */
  number: z.int().positive(),
  name: z.string(),
  /** Whether Apple's latest list has it. */
  listed: z.boolean(),
});
export type ListedArchive = z.infer<typeof listedArchive>;

export const archiveList = z.object({ archives: z.array(listedArchive) });
export type ArchiveList = z.infer<typeof archiveList>;

/** How a later list is the same as what is known: by its names, by its order, or not at all. */
export type ListMatch = 'same-names' | 'same-count' | 'other-count';

export interface MatchedUrls {
  /** The same object when the list did not change. */
  readonly list: ArchiveList;
  readonly match: ListMatch;
  /** By the archive's number. */
  readonly urls: ReadonlyMap<number, string>;
}

/** Rounds of read and conditional write before two writers count as fighting. */
const ATTEMPTS = 5;

/** Pairs each URL with the archive of its name, equal names in their order; what finds none stays over. */
function pairByName(archives: readonly ListedArchive[], urls: readonly string[]) {
  const left = [...archives];
  const paired = new Map<number, string>();
  const over: string[] = [];
  for (const url of urls) {
    const name = archiveName(url);
    const index = left.findIndex((archive) => archive.name === name);
    const [found] = index < 0 ? [] : left.splice(index, 1);
    if (found === undefined) over.push(url);
    else paired.set(found.number, url);
  }
  return { paired, over };
}

/**
 * Matches Apple's answer with the list that is known. The same names in any order go by name; other names in the same
 * number go by their order; with another number what has a known name keeps its number, what has a new one gets the
 * next free number, and what is missing counts as no longer listed.
 */
export function matchUrls(list: ArchiveList, urls: readonly string[]): MatchedUrls {
  const listed = list.archives.filter((archive) => archive.listed);
  if (listed.length !== urls.length) return withOtherCount(list, urls);
  const { paired, over } = pairByName(listed, urls);
  if (over.length === 0) return { list, match: 'same-names', urls: paired };
  const byOrder = new Map(listed.map(({ number }, index) => [number, urls[index] as string]));
  return { list, match: 'same-count', urls: byOrder };
}

function withOtherCount(list: ArchiveList, urls: readonly string[]): MatchedUrls {
  const { paired, over } = pairByName(list.archives, urls);
  const known = list.archives.map((archive) => ({ ...archive, listed: paired.has(archive.number) }));
  const found = over.map((url, index) => {
    const number = list.archives.length + index + 1;
    paired.set(number, url);
    return { number, name: archiveName(url), listed: true };
  });
  return { list: { archives: [...known, ...found] }, match: 'other-count', urls: paired };
}

/** What is known of an instance's archives; undefined before Apple first listed them. */
export async function readArchiveList(
  store: ObjectStore,
  instance: TransferIdentity,
): Promise<ArchiveList | undefined> {
  return (await store.readJson(archiveListKey(instance), archiveList))?.value;
}

/**
 * Matches Apple's answer with what is known of the instance's archives, and keeps what changed. The first answer
 * founds the list; of two executions that found it at once the one that wrote first has its way.
 * Fails with WriteConflictError when other writers win every round.
 */
export async function keepArchiveList(
  store: ObjectStore,
  instance: TransferIdentity,
  urls: readonly string[],
): Promise<MatchedUrls> {
  const key = archiveListKey(instance);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const stored = await store.readJson(key, archiveList);
    if (stored === undefined) {
      const list = { archives: namedInOrder(urls) };
      if (await store.writeText(key, jsonText(list), { ifAbsent: true })) return matchUrls(list, urls);
      continue;
    }
    const matched = matchUrls(stored.value, urls);
    if (matched.list === stored.value) return matched;
    if (await store.writeText(key, jsonText(matched.list), { ifMatch: stored.etag })) return matched;
  }
  throw new WriteConflictError(
    `The list of archives ${key} changed ${ATTEMPTS} times while it was being written: look for several executions of one instance.`,
    { details: { key } },
  );
}

function namedInOrder(urls: readonly string[]): ListedArchive[] {
  return urls.map((url, index) => ({ number: index + 1, name: archiveName(url), listed: true }));
}
