import { crc32, deflateRawSync } from 'node:zlib';

/** An entry of an archive made by hand, so that any part of it may be wrong. */
export interface MadeEntry {
  readonly name: string | Buffer;
  readonly content?: Buffer | string;
  /** 0 stored, 8 deflated; anything else is written as it is. */
  readonly method?: number;
  readonly flags?: number;
  /** In the central directory, instead of the true ones. */
  readonly crc32?: number;
  readonly bytes?: number;
  readonly compressedBytes?: number;
  readonly headerOffset?: number;
  /** Instead of the deflated content. */
  readonly compressed?: Buffer;
  /** Mode of a Unix file. */
  readonly mode?: number;
  readonly extra?: Buffer;
  /** First number of the local header. */
  readonly localSignature?: number;
}

export interface MadeArchive {
  /** Instead of the true number. */
  readonly entryCount?: number;
  readonly diskNumber?: number;
  readonly comment?: Buffer;
}

const UTF8 = 0x800;
const UNIX = 3 << 8;

function numbers(...fields: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [bytes]) => sum + bytes, 0));
  let position = 0;
  for (const [bytes, value] of fields) position = buffer.writeUIntLE(value, position, bytes);
  return buffer;
}

interface WrittenEntry {
  readonly local: Buffer;
  readonly directory: Buffer;
}

function sizesAndSums(entry: MadeEntry, compressed: Buffer, content: Buffer) {
  return [
    [4, entry.crc32 ?? crc32(content)],
    [4, entry.compressedBytes ?? compressed.length],
    [4, entry.bytes ?? content.length],
  ] as const;
}

function written(entry: MadeEntry, offset: number): WrittenEntry {
  const { method = 8, mode = 0, extra = Buffer.alloc(0) } = entry;
  const name = Buffer.from(entry.name as string);
  const content = Buffer.from((entry.content ?? '') as string);
  const compressed = entry.compressed ?? (method === 8 ? deflateRawSync(content) : content);
  const facts = [
    [2, 20],
    [2, entry.flags ?? (typeof entry.name === 'string' ? UTF8 : 0)],
    [2, method],
    [4, 0x58_21_00_00],
    ...sizesAndSums(entry, compressed, content),
    [2, name.length],
  ] as const;
  const local = numbers([4, entry.localSignature ?? 0x04034b50], ...facts, [2, 0]);
  const directory = numbers(
    [4, 0x02014b50],
    [2, (mode === 0 ? 0 : UNIX) | 20],
    ...facts,
    [2, extra.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, (mode << 16) >>> 0],
    [4, entry.headerOffset ?? offset],
  );
  return {
    local: Buffer.concat([local, name, compressed]),
    directory: Buffer.concat([directory, name, extra]),
  };
}

/** The bytes of an archive. */
export function makeZip(entries: readonly MadeEntry[], archive: MadeArchive = {}): Buffer {
  const all: WrittenEntry[] = [];
  let offset = 0;
  for (const entry of entries) {
    const each = written(entry, offset);
    all.push(each);
    offset += each.local.length;
  }
  const directory = Buffer.concat(all.map((each) => each.directory));
  const comment = archive.comment ?? Buffer.alloc(0);
  const count = archive.entryCount ?? entries.length;
  const end = numbers(
    [4, 0x06054b50],
    [2, archive.diskNumber ?? 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, directory.length],
    [4, offset],
    [2, comment.length],
  );
  return Buffer.concat([...all.map(({ local }) => local), directory, end, comment]);
}
