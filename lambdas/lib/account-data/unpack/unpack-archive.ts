import { StorageUnavailableError } from '../../errors.ts';
import { archiveKey } from '../../lake/personal-keys.ts';
import { mapBounded } from '../../runtime/bounded.ts';
import type { UnpackCursor } from '../contracts.ts';
import type { TransferredArchive } from '../transfer-manifest.ts';
import { type RangeSource, storedRanges } from './range-source.ts';
import { type ArchiveRefusal, ArchiveRefused } from './refusals.ts';
import { type StagedLine, writePiece } from './staged-lines.ts';
import { TimeOver, type UnpackContext } from './unpack-deps.ts';
import { unpackEntry } from './unpack-entry.ts';
import { isSmallEntry } from './zip-content.ts';
import { readZipDirectory, type ZipEntry } from './zip-directory.ts';

/** Small entries that are unpacked side by side. */
const BATCH_ENTRIES = 64;
const BATCH_BYTES = 16_000_000;
const IN_FLIGHT = 8;
/** Lines, and characters of names, of a piece: what a death costs at most, and what is in memory of lines. */
const PIECE_LINES = 1_000;
const PIECE_CHARACTERS = 1_000_000;
/** No entry is begun that might not end in time: what is surely unpacked in a second. */
const BYTES_PER_SECOND = 5_000_000;

/** An archive whose directory is read and found in order. */
interface OpenArchive {
  readonly archive: TransferredArchive;
  readonly source: RangeSource;
  readonly entries: readonly ZipEntry[];
}

type Opened = OpenArchive | { readonly archive: TransferredArchive; readonly refusal: string };

/** The line of an archive of which nothing is unpacked. */
function refusedLine({ number, name, bytes }: TransferredArchive, outcome: string): StagedLine {
  return {
    ...{ archive: number, archive_name: name, entry: null, member: null, raw_name: null, dataset: null },
    ...{ kind: 'none', outcome, reason: null, bytes, rows: null, crc32: null, object_key: null },
  };
}

/** The next entries that are unpacked together: one large one, or small ones up to a bound. */
function nextBatch(entries: readonly ZipEntry[], from: number): readonly ZipEntry[] {
  const batch: ZipEntry[] = [];
  let bytes = 0;
  for (const entry of entries.slice(from - 1, from - 1 + BATCH_ENTRIES)) {
    if (batch.length > 0 && (!isSmallEntry(entry) || bytes + entry.bytes > BATCH_BYTES)) break;
    batch.push(entry);
    bytes += entry.bytes;
    if (!isSmallEntry(entry)) break;
  }
  return batch;
}

function bytesOf(entries: readonly ZipEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Unpacks the archives of one instance piece by piece; keeps the present archive's directory between pieces. */
export class ArchiveUnpacker {
  readonly #context: UnpackContext;
  #opened: Opened | undefined;
  #hasWorked = false;

  constructor(context: UnpackContext) {
    this.#context = context;
  }

  /**
   * Unpacks from `from` on until a piece is full, the archive ends or the time is over, stages the lines and returns
   * where to go on; the same place when there was no time for anything.
   * Fails with GrantErasedError, or with what S3 fails with.
   */
  async unpackPiece(from: UnpackCursor): Promise<UnpackCursor> {
    const opened = await this.#open(from.archive);
    const lines: StagedLine[] = [];
    if ('refusal' in opened) lines.push(refusedLine(opened.archive, opened.refusal));
    const entry = 'refusal' in opened ? undefined : await this.#unpackEntries(opened, from.entry, lines);
    const next =
      entry === undefined ? { archive: from.archive + 1, entry: 1 } : { archive: from.archive, entry };
    if (next.archive === from.archive && next.entry === from.entry) return from;
    const { deps, transfer } = this.#context;
    await writePiece(deps.store, transfer, from, { next, lines });
    return next;
  }

  async #open(number: number): Promise<Opened> {
    if (this.#opened?.archive.number === number) return this.#opened;
    this.#opened = undefined;
    const archive = this.#context.transfer.archives[number - 1] as TransferredArchive;
    this.#opened = await this.#read(archive);
    return this.#opened;
  }

  async #read(archive: TransferredArchive): Promise<Opened> {
    if (archive.outcome !== 'fetched') return { archive, refusal: archive.outcome };
    const { deps, transfer } = this.#context;
    const source = storedRanges(deps.store, archiveKey(transfer, archive.number), archive.bytes);
    try {
      return { archive, source, entries: await readZipDirectory(source, deps.limits) };
    } catch (error) {
      if (!(error instanceof ArchiveRefused)) throw error;
      const refusal: ArchiveRefusal = error.outcome;
      deps.log.warn('an archive is refused', {
        requestId: transfer.requestId,
        archive: archive.number,
        refusal,
      });
      return { archive, refusal };
    }
  }

  /** Adds lines and returns the entry to go on with; undefined at the end of the archive. */
  async #unpackEntries(
    { archive, source, entries }: OpenArchive,
    first: number,
    lines: StagedLine[],
  ): Promise<number | undefined> {
    let entry = first;
    let characters = 0;
    while (entry <= entries.length) {
      const batch = nextBatch(entries, entry);
      if (lines.length >= PIECE_LINES || characters >= PIECE_CHARACTERS || !this.#hasTimeFor(batch))
        return entry;
      const members = batch.filter(({ isDirectory, refusal }) => !isDirectory || refusal !== null);
      try {
        const unpack = (member: ZipEntry) => unpackEntry(this.#context, { archive, source, entry: member });
        lines.push(...(await mapBounded(members, IN_FLIGHT, unpack)));
      } catch (error) {
        if (error instanceof TimeOver) return this.#timeOver(archive, entry);
        throw error;
      }
      this.#hasWorked = true;
      entry += batch.length;
      characters += members.reduce((sum, { name }) => sum + name.length, 0);
    }
    return undefined;
  }

  /** The first batch of an invocation is always begun. */
  #hasTimeFor(batch: readonly ZipEntry[]): boolean {
    const { clock, deadline } = this.#context.deps;
    return !this.#hasWorked || clock.now() + (1_000 * bytesOf(batch)) / BYTES_PER_SECOND < deadline;
  }

  /** An entry that an invocation began with and did not end would be begun again for ever. */
  #timeOver(archive: TransferredArchive, entry: number): number {
    if (this.#hasWorked) return entry;
    const { transfer } = this.#context;
    throw new StorageUnavailableError(
      `Entry ${entry} of archive ${archive.number} of request ${transfer.requestId} did not pass within one ` +
        'invocation: S3 is slow, or the limit for entries is too high.',
      { details: { requestId: transfer.requestId, archive: archive.number, entry } },
    );
  }
}
