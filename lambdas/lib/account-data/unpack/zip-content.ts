import { pipeline, Readable } from 'node:stream';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { BLOCK_BYTES, type RangeSource } from './range-source.ts';
import { EntryRefused } from './refusals.ts';
import type { ZipEntry } from './zip-directory.ts';

/** Entries up to this size are inflated at once, in memory. */
export const SMALL_ENTRY_BYTES = 1_000_000;

const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;

/** True for an entry that `readSmallEntry` takes. */
export function isSmallEntry({ bytes, compressedBytes }: ZipEntry): boolean {
  return bytes <= SMALL_ENTRY_BYTES && compressedBytes <= 2 * SMALL_ENTRY_BYTES;
}

/** Where the compressed bytes of an entry lie. */
async function placeOf(source: RangeSource, entry: ZipEntry): Promise<{ start: number; end: number }> {
  const { headerOffset, compressedBytes } = entry;
  if (headerOffset + LOCAL_HEADER_BYTES > source.bytes) throw new EntryRefused('damaged');
  const header = await source.read(headerOffset, headerOffset + LOCAL_HEADER_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_HEADER) throw new EntryRefused('damaged');
  const start = headerOffset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + compressedBytes > source.bytes) throw new EntryRefused('damaged');
  return { start, end: start + compressedBytes };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What zlib says, as the outcome of the entry; every other error stays what it is. */
function inflateRefusal(error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'ERR_BUFFER_TOO_LARGE') return new EntryRefused('wrong-size');
  return code.startsWith('Z_') ? new EntryRefused('damaged') : error;
}

function inflatedAtOnce(compressed: Buffer, bytes: number): Buffer {
  try {
    return inflateRawSync(compressed, { maxOutputLength: Math.max(1, bytes) });
  } catch (error) {
    throw inflateRefusal(error);
  }
}

/**
 * The whole content of a small entry, its size and CRC checked.
 * Fails with EntryRefused, or with what the source fails with.
 */
export async function readSmallEntry(source: RangeSource, entry: ZipEntry): Promise<Buffer> {
  const { start, end } = await placeOf(source, entry);
  const compressed = await source.read(start, end);
  const content = entry.isDeflated ? inflatedAtOnce(compressed, entry.bytes) : compressed;
  if (content.length !== entry.bytes) throw new EntryRefused('wrong-size');
  if (crc32(content) !== entry.crc32) throw new EntryRefused('wrong-crc');
  return content;
}

async function* blocks(source: RangeSource, start: number, end: number): AsyncGenerator<Buffer> {
  for (let position = start; position < end; ) {
    const next = Math.min(end, (Math.floor(position / BLOCK_BYTES) + 1) * BLOCK_BYTES);
    yield await source.read(position, next);
    position = next;
  }
}

async function* inflated(compressed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const inflating = pipeline(
    // A block waits, not sixteen.
    Readable.from(compressed, { highWaterMark: 1 }),
    createInflateRaw({ chunkSize: 65_536 }),
    () => undefined,
  );
  try {
    for await (const chunk of inflating) yield chunk as Buffer;
  } catch (error) {
    throw inflateRefusal(error);
  }
}

/**
 * The content of an entry of any size, piece by piece; ends only when size and CRC are right.
 * Fails with EntryRefused, or with what the source fails with.
 */
export async function* streamEntry(source: RangeSource, entry: ZipEntry): AsyncGenerator<Buffer> {
  const { start, end } = await placeOf(source, entry);
  const compressed = blocks(source, start, end);
  let bytes = 0;
  let checksum = 0;
  for await (const chunk of entry.isDeflated ? inflated(compressed) : compressed) {
    bytes += chunk.length;
    if (bytes > entry.bytes) throw new EntryRefused('wrong-size');
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (bytes !== entry.bytes) throw new EntryRefused('wrong-size');
  if (checksum !== entry.crc32) throw new EntryRefused('wrong-crc');
}
