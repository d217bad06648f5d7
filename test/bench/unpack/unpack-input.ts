import { createHash } from 'node:crypto';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { makeZip } from '../../unit/unpack/zip-writer.ts';

/** What an archive holds when it is unpacked. */
export interface BenchmarkArchive {
  readonly archive: Buffer;
  readonly entries: number;
  /** Of the content. */
  readonly bytes: number;
}

const ENTRY_BYTES = 10_000;
const BLOCK_BYTES = 1_000_000;

/** Text that shrinks about as much as a table does, different for every seed. */
function text(seed: string, bytes: number): Buffer {
  const words: string[] = [];
  for (let length = 0, line = 0; length < bytes; line += 1) {
    const id = createHash('sha256').update(`${seed} ${line}`).digest('hex').slice(0, 12);
    const word = `${id},2026-11-21,purchase,com.example.app,app store\n`;
    words.push(word);
    length += word.length;
  }
  return Buffer.from(words.join('')).subarray(0, bytes);
}

/** Many entries of 10 kB. */
export function manyEntries(entries: number): BenchmarkArchive {
  const archive = makeZip(
    Array.from({ length: entries }, (_, index) => ({
      name: `folder ${index % 100}/entry ${index}.bin`,
      content: text(String(index), ENTRY_BYTES),
    })),
  );
  return { archive, entries, bytes: entries * ENTRY_BYTES };
}

/** The deflate stream of a block, up to a byte boundary and without an end, so that another block may follow. */
function deflatedBlock(block: Buffer): Buffer {
  return deflateRawSync(block, { finishFlush: constants.Z_FULL_FLUSH });
}

/** One deflated entry of a first block and the same block again and again, which costs no time to make. */
function repeated(name: string, first: Buffer, block: Buffer, times: number): BenchmarkArchive {
  const deflated = deflatedBlock(block);
  let checksum = crc32(first);
  for (let at = 0; at < times; at += 1) checksum = crc32(block, checksum);
  const bytes = first.length + times * block.length;
  const compressed = Buffer.concat([
    deflatedBlock(first),
    ...Array.from({ length: times }, () => deflated),
    deflateRawSync(Buffer.alloc(0)),
  ]);
  return { archive: makeZip([{ name, compressed, crc32: checksum, bytes }]), entries: 1, bytes };
}

/** One entry of about so many bytes that is no table. */
export function oneLargeEntry(bytes: number): BenchmarkArchive {
  // Repeats within deflate's window, so that the archive stays small.
  const block = Buffer.alloc(BLOCK_BYTES, text('block', 20_000));
  return repeated('large.bin', block, block, Math.ceil(bytes / BLOCK_BYTES) - 1);
}

/** One table of about so many bytes: five columns, the first of them different in each row of a block. */
export function oneLargeTable(bytes: number): BenchmarkArchive {
  const lines = text('table', BLOCK_BYTES).toString();
  const block = Buffer.from(lines.slice(0, lines.lastIndexOf('\n') + 1));
  const header = Buffer.from('id,date,event,app,store\n');
  return repeated('large.csv', header, block, Math.ceil(bytes / block.length));
}
