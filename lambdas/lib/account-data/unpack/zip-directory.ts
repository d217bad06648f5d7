import {
  type Entry,
  fromRandomAccessReader,
  getFileNameLowLevel,
  RandomAccessReader,
  type ZipFile,
} from 'yauzl';
import type { UnpackLimits } from '../unpack-limits.ts';
import type { RangeSource } from './range-source.ts';
import { ArchiveRefused, type EntryRefusal } from './refusals.ts';

/** One entry of an archive as its central directory tells it. */
export interface ZipEntry {
  /** Place in the directory, from 1. */
  readonly number: number;
  /** Decoded, with `/` between its parts; data, never a path. */
  readonly name: string;
  /** The name's bytes in hex, where `name` in UTF-8 is not the same. */
  readonly rawName: string | null;
  readonly isDirectory: boolean;
  /** What the directory alone says against it. */
  readonly refusal: EntryRefusal | null;
  readonly isDeflated: boolean;
  readonly crc32: number;
  readonly compressedBytes: number;
  /** As declared. */
  readonly bytes: number;
  /** Where its local header begins. */
  readonly headerOffset: number;
}

/** A bound of the memory that a directory with its names takes. */
const DIRECTORY_BYTES = 32 * 1024 * 1024;
/** A small entry may be blank and shrink to nothing; from here on the ratio counts. */
const RATIO_FROM_BYTES = 10_000_000;
const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_HEADER = 0x02014b50;
const FLAG_ENCRYPTED = 1;
const FLAG_UTF8 = 0x800;
const STORED = 0;
const DEFLATED = 8;
/** Makers whose entries carry the mode of a file: Unix and macOS. */
const UNIX_MAKERS = new Set([3, 19]);
const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;
const DIRECTORY = 0o040000;
const LINK = 0o120000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Lets yauzl read a source; what the source itself fails with is kept. */
class SourceReader extends RandomAccessReader {
  readonly #source: RangeSource;
  failure: { readonly error: unknown } | undefined;

  constructor(source: RangeSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    if (position < 0 || position + length > this.#source.bytes) {
      callback(new Error('outside of the archive'));
      return;
    }
    this.#source.read(position, position + length).then(
      (bytes) => callback(null, bytes.copy(buffer, offset)),
      (error: unknown) => {
        this.failure = { error };
        callback(new Error('the archive cannot be read', { cause: error }));
      },
    );
  }
}

function opened(reader: SourceReader, bytes: number): Promise<ZipFile> {
  const options = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: false };
  return new Promise((resolve, reject) => {
    fromRandomAccessReader(reader, bytes, options, (error, zip) => (error ? reject(error) : resolve(zip)));
  });
}

/** Why yauzl found no directory. */
async function openingRefusal(source: RangeSource, error: unknown): Promise<ArchiveRefused> {
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('multi-disk')) return new ArchiveRefused('split-archive');
  const begin = source.bytes < 4 ? undefined : (await source.read(0, 4)).readUInt32LE(0);
  if (!message.startsWith('End of central directory')) return new ArchiveRefused('damaged-directory');
  return new ArchiveRefused(begin === LOCAL_HEADER ? 'truncated' : 'not-a-zip');
}

/** A name that is UTF-8 is taken as such, whatever its flag says; every other one is decoded by the rules of zip. */
function nameOf(entry: Entry): Pick<ZipEntry, 'name' | 'rawName'> {
  const raw = entry.fileNameRaw;
  let flags = entry.generalPurposeBitFlag;
  try {
    utf8.decode(raw);
    flags |= FLAG_UTF8;
  } catch {
    flags &= entry.generalPurposeBitFlag;
  }
  const name = getFileNameLowLevel(flags, raw, entry.extraFields, false);
  return { name, rawName: Buffer.from(name).equals(raw) ? null : raw.toString('hex') };
}

function isBadName(name: string): boolean {
  return name === '' || /^\/|^[A-Za-z]:|\0/.test(name) || name.split('/').includes('..');
}

/** The type of file in the mode of an entry, 0 where it carries none. */
function fileTypeOf(entry: Entry): number {
  return UNIX_MAKERS.has(entry.versionMadeBy >>> 8) ? (entry.externalFileAttributes >>> 16) & FILE_TYPE : 0;
}

function refusalOf(entry: Entry, name: string, isDirectory: boolean): EntryRefusal | null {
  const type = fileTypeOf(entry);
  if (isBadName(name)) return 'bad-name';
  if (type === LINK) return 'link';
  if (type !== 0 && type !== REGULAR_FILE && type !== DIRECTORY) return 'not-a-file';
  if ((entry.generalPurposeBitFlag & FLAG_ENCRYPTED) !== 0) return 'encrypted';
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    return 'unknown-compression';
  if (isDirectory && entry.uncompressedSize > 0) return 'bad-name';
  if (entry.compressionMethod === STORED && entry.compressedSize !== entry.uncompressedSize)
    return 'wrong-size';
  return null;
}

function entryOf(entry: Entry, number: number): ZipEntry {
  const { name, rawName } = nameOf(entry);
  const isDirectory = name.endsWith('/');
  return {
    ...{ number, name, rawName, isDirectory },
    refusal: refusalOf(entry, name, isDirectory),
    isDeflated: entry.compressionMethod === DEFLATED,
    crc32: entry.crc32,
    compressedBytes: entry.compressedSize,
    bytes: entry.uncompressedSize,
    headerOffset: entry.relativeOffsetOfLocalHeader,
  };
}

function isRatioTooHigh(bytes: number, compressedBytes: number, { ratio }: UnpackLimits): boolean {
  return bytes > RATIO_FROM_BYTES && bytes > ratio * compressedBytes;
}

function assertSizes(entries: readonly ZipEntry[], limits: UnpackLimits): void {
  let [bytes, compressedBytes] = [0, 0];
  for (const entry of entries) {
    if (entry.bytes > limits.entryBytes) throw new ArchiveRefused('entry-too-large');
    if (isRatioTooHigh(entry.bytes, entry.compressedBytes, limits))
      throw new ArchiveRefused('ratio-too-high');
    bytes += entry.bytes;
    compressedBytes += entry.compressedBytes;
  }
  if (bytes > limits.archiveBytes) throw new ArchiveRefused('archive-too-large');
  if (isRatioTooHigh(bytes, compressedBytes, limits)) throw new ArchiveRefused('ratio-too-high');
}

function assertDistinctNames(entries: readonly ZipEntry[]): void {
  if (new Set(entries.map(({ name }) => name)).size < entries.length)
    throw new ArchiveRefused('duplicate-names');
}

/** Each entry needs at least its header, name and compressed bytes for itself. */
function assertApart(entries: readonly ZipEntry[], directoryStart: number): void {
  const ordered = [...entries].sort((left, right) => left.headerOffset - right.headerOffset);
  ordered.forEach(({ headerOffset, compressedBytes }, index) => {
    const end = headerOffset + LOCAL_HEADER_BYTES + compressedBytes;
    const limit = ordered[index + 1]?.headerOffset ?? directoryStart;
    if (end > limit) throw new ArchiveRefused('overlapping-entries');
  });
}

/** An archive of more than 65,535 entries by a writer who counts modulo that: the rest would be lost in silence. */
async function assertDirectoryEnds(source: RangeSource, position: number): Promise<void> {
  if (position + 4 > source.bytes) throw new ArchiveRefused('damaged-directory');
  const signature = (await source.read(position, position + 4)).readUInt32LE(0);
  if (signature === DIRECTORY_HEADER) throw new ArchiveRefused('damaged-directory');
}

async function readEntries(
  zip: ZipFile,
  source: RangeSource,
  { entries: most }: UnpackLimits,
): Promise<ZipEntry[]> {
  if (zip.entryCount > most) throw new ArchiveRefused('too-many-entries');
  const entries: ZipEntry[] = [];
  // Where the next header lies, which yauzl's types call a boolean.
  const position = () => Number(zip.readEntryCursor);
  const start = position();
  for await (const entry of zip.eachEntry()) {
    entries.push(entryOf(entry, entries.length + 1));
    if (position() - start > DIRECTORY_BYTES) throw new ArchiveRefused('directory-too-large');
  }
  await assertDirectoryEnds(source, position());
  assertApart(entries, start);
  return entries;
}

/**
 * Reads an archive's central directory and checks it as a whole; touches no content.
 * Fails with ArchiveRefused, or with what the source fails with.
 */
export async function readZipDirectory(
  source: RangeSource,
  limits: UnpackLimits,
): Promise<readonly ZipEntry[]> {
  const reader = new SourceReader(source);
  let zip: ZipFile;
  try {
    zip = await opened(reader, source.bytes);
  } catch (error) {
    if (reader.failure !== undefined) throw reader.failure.error;
    throw await openingRefusal(source, error);
  }
  try {
    const entries = await readEntries(zip, source, limits);
    assertDistinctNames(entries);
    assertSizes(entries, limits);
    return entries;
  } catch (error) {
    if (reader.failure !== undefined) throw reader.failure.error;
    if (error instanceof ArchiveRefused) throw error;
    const isEncrypted = error instanceof Error && error.message.startsWith('strong encryption');
    throw new ArchiveRefused(isEncrypted ? 'encrypted-directory' : 'damaged-directory');
  }
}
