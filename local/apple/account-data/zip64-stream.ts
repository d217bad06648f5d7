import { constants, crc32, deflateRawSync } from 'node:zlib';

/** A member whose bytes are made while they are read, as often as they are read. */
export interface StreamedEntry {
  readonly path: string;
  /** 0: stored; 8: deflated. */
  readonly method: 0 | 8;
  readonly crc: number;
  readonly size: number;
  readonly compressedSize: number;
  parts(): Iterable<Buffer>;
}

const BLOCK_BYTES = 1_048_576;
const LAST_BLOCK_OF_DEFLATE = Buffer.from([0x03, 0x00]);
const ELSEWHERE = 0xffff_ffff;
const VERSION = 45;
const UTF_8_NAME = 0x0800;
/** 1 January 2026, midnight. */
const DOS_TIME = 0;
const DOS_DATE = ((2026 - 1980) << 9) | (1 << 5) | 1;
const REGULAR_FILE = 0o100644 * 2 ** 16;

/** Numbers in little-endian order, each with its width in bytes. */
function packed(...fields: readonly (readonly [width: 2 | 4 | 8, value: number])[]): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), at);
    else bytes.writeUIntLE(value, at, width);
    at += width;
  }
  return bytes;
}

/** A member that is held. */
export function heldEntry(path: string, bytes: Buffer): StreamedEntry {
  return {
    path,
    method: 0,
    crc: crc32(bytes),
    size: bytes.length,
    compressedSize: bytes.length,
    parts: () => [bytes],
  };
}

function* repeated(block: Buffer, times: number, end: Buffer): Generator<Buffer> {
  for (let count = 0; count < times; count += 1) yield block;
  if (end.length > 0) yield end;
}

/** A member of at least `minimumBytes` that says the same text again and again, without holding it. */
export function repeatedEntry(
  path: string,
  text: string,
  minimumBytes: number,
  method: 0 | 8,
): StreamedEntry {
  const plain = Buffer.from(text.repeat(Math.ceil(BLOCK_BYTES / text.length)));
  const times = Math.ceil(minimumBytes / plain.length);
  const block =
    method === 0 ? plain : deflateRawSync(plain, { level: 1, finishFlush: constants.Z_FULL_FLUSH });
  const end = method === 0 ? Buffer.alloc(0) : LAST_BLOCK_OF_DEFLATE;
  let crc = 0;
  for (let count = 0; count < times; count += 1) crc = crc32(plain, crc);
  return {
    path,
    method,
    crc,
    size: times * plain.length,
    compressedSize: times * block.length + end.length,
    parts: () => repeated(block, times, end),
  };
}

function localHeader({ path, method, crc, size, compressedSize }: StreamedEntry): Buffer {
  const name = Buffer.from(path);
  const head = packed(
    [4, 0x0403_4b50],
    [2, VERSION],
    [2, UTF_8_NAME],
    [2, method],
    [2, DOS_TIME],
    [2, DOS_DATE],
    [4, crc],
    [4, ELSEWHERE],
    [4, ELSEWHERE],
    [2, name.length],
    [2, 20],
  );
  return Buffer.concat([head, name, packed([2, 1], [2, 16], [8, size], [8, compressedSize])]);
}

function centralHeader(entry: StreamedEntry, offset: number): Buffer {
  const { path, method, crc, size, compressedSize } = entry;
  const name = Buffer.from(path);
  const head = packed(
    [4, 0x0201_4b50],
    [2, (3 << 8) | VERSION],
    [2, VERSION],
    [2, UTF_8_NAME],
    [2, method],
    [2, DOS_TIME],
    [2, DOS_DATE],
    [4, crc],
    [4, ELSEWHERE],
    [4, ELSEWHERE],
    [2, name.length],
    [2, 28],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, REGULAR_FILE],
    [4, ELSEWHERE],
  );
  return Buffer.concat([head, name, packed([2, 1], [2, 24], [8, size], [8, compressedSize], [8, offset])]);
}

function endOfDirectory(entries: number, directoryBytes: number, directoryAt: number): Buffer {
  const record = packed(
    [4, 0x0606_4b50],
    [8, 44],
    [2, (3 << 8) | VERSION],
    [2, VERSION],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, directoryBytes],
    [8, directoryAt],
  );
  const locator = packed([4, 0x0706_4b50], [4, 0], [8, directoryAt + directoryBytes], [4, 1]);
  const end = packed(
    [4, 0x0605_4b50],
    [2, 0],
    [2, 0],
    [2, 0xffff],
    [2, 0xffff],
    [4, ELSEWHERE],
    [4, ELSEWHERE],
    [2, 0],
  );
  return Buffer.concat([record, locator, end]);
}

/** A zip64 archive of the entries: its size, and its bytes in pieces, made anew at each call. */
export function zip64(entries: readonly StreamedEntry[]): { size: number; parts(): Iterable<Buffer> } {
  let at = 0;
  const directory = entries.map((entry) => {
    const header = centralHeader(entry, at);
    at += localHeader(entry).length + entry.compressedSize;
    return header;
  });
  const directoryBytes = directory.reduce((sum, { length }) => sum + length, 0);
  const tail = Buffer.concat([...directory, endOfDirectory(entries.length, directoryBytes, at)]);
  return {
    size: at + tail.length,
    *parts() {
      for (const entry of entries) {
        yield localHeader(entry);
        yield* entry.parts();
      }
      yield tail;
    },
  };
}

/** The bytes from `start` (included) to `end` (not included) of all parts together. */
export function* partsWithin(parts: Iterable<Buffer>, start: number, end: number): Generator<Buffer> {
  let at = 0;
  for (const part of parts) {
    if (at >= end) return;
    const from = Math.max(0, start - at);
    const piece = part.subarray(from, Math.max(from, end - at));
    if (piece.length > 0) yield piece;
    at += part.length;
  }
}
