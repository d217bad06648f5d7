import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { SegmentDamagedError } from '../errors.ts';

/** A segment of the instance, gzip as Apple sent it; `key` names it in error messages. */
export interface SegmentSource {
  readonly key: string;
  open(): Promise<Readable>;
}

/** Takes the lines of one segment in their order. */
export interface LineConsumer {
  /** A line that is not blank, without its end; the bytes are only valid during the call. */
  line(bytes: Buffer, start: number, end: number, lineNumber: number): void;
  /** The error for a line that cannot be taken; `field` counts from 0. */
  refusal(what: string, lineNumber: number, field: number): Error;
  /** Called before each chunk of inflated bytes; throws to end the reading. */
  beforeChunk(): void;
}

const CHUNK_BYTES = 262_144;
/** Apple's longest rows have some hundred bytes; what is far longer is no row, and must not fill the memory. */
const MOST_LINE_BYTES = 1_048_576;
/** Rows like Apple's inflate to about 12 times their size; a bomb reaches 1,000. */
const MOST_INFLATION = 256;
/** So that a small file of equal rows is no bomb. */
const INFLATION_ALLOWANCE = 67_108_864;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const TAB = 9;

function damaged(key: string, what: string, cause?: unknown): SegmentDamagedError {
  return new SegmentDamagedError(
    `${key} ${what}. Nothing of this delivery was curated: compare the object's size and checksum with its manifest, and land the instance again while Apple still keeps it (35 days).`,
    { details: { file: key }, cause },
  );
}

function fieldAt(bytes: Buffer, start: number, end: number): number {
  let field = 0;
  for (let at = bytes.indexOf(TAB, start); at >= 0 && at < end; at = bytes.indexOf(TAB, at + 1)) field++;
  return field;
}

class LineSplitter {
  readonly #consumer: LineConsumer;
  /** The unfinished line, then the chunk behind it. */
  #buffer: Buffer = Buffer.allocUnsafeSlow(2 * CHUNK_BYTES);
  #restBytes = 0;
  #lines = 0;

  constructor(consumer: LineConsumer) {
    this.#consumer = consumer;
  }

  add(chunk: Buffer): void {
    const bytes = this.#appended(chunk);
    const firstNul = bytes.indexOf(0);
    const nul = firstNul < 0 ? bytes.length : firstNul;
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      this.#line(bytes, start, end, nul);
      start = end + 1;
    }
    if (bytes.length - start > MOST_LINE_BYTES) this.#line(bytes, start, bytes.length, nul);
    this.#restBytes = bytes.copy(this.#buffer, 0, start);
  }

  #appended(chunk: Buffer): Buffer {
    const end = this.#restBytes + chunk.length;
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * end);
      this.#buffer.copy(larger, 0, 0, this.#restBytes);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.#restBytes);
    return this.#buffer.subarray(0, end);
  }

  /** The last line may lack its end. */
  finish(): void {
    const rest = this.#buffer.subarray(0, this.#restBytes);
    const nul = rest.indexOf(0);
    if (rest.length > 0) this.#line(rest, 0, rest.length, nul < 0 ? rest.length : nul);
  }

  #line(bytes: Buffer, start: number, end: number, nul: number): void {
    this.#lines += 1;
    if (nul < end) {
      throw this.#consumer.refusal('there is a NUL byte', this.#lines, fieldAt(bytes, start, nul));
    }
    if (end - start > MOST_LINE_BYTES) {
      const field = fieldAt(bytes, start, start + MOST_LINE_BYTES);
      throw this.#consumer.refusal(`the line is longer than ${MOST_LINE_BYTES} bytes`, this.#lines, field);
    }
    const last = end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (last > start) this.#consumer.line(bytes, start, last, this.#lines);
  }
}

function isInflateError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}

/**
 * Inflates a segment and hands over its lines; several gzip members in a row are one file (RFC 1952). Fails with
 * `SegmentDamagedError` when the gzip is cut, its CRC or length is wrong, other bytes follow it, or it inflates
 * without bound; with what the consumer or the source throws otherwise. The source is destroyed on every path.
 */
export async function readLines(source: SegmentSource, consumer: LineConsumer): Promise<void> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const lines = new LineSplitter(consumer);
  let received = 0;
  let inflated = 0;
  let isInflated = false;
  const count = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      received += chunk.length;
      yield chunk;
    }
  };
  const split = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      inflated += chunk.length;
      if (inflated > INFLATION_ALLOWANCE + MOST_INFLATION * gunzip.bytesWritten) {
        throw damaged(source.key, `inflates to more than ${MOST_INFLATION} times its size`);
      }
      consumer.beforeChunk();
      lines.add(chunk);
    }
    isInflated = true;
  };
  try {
    await pipeline(await source.open(), count, gunzip, split);
  } catch (error) {
    if (isInflateError(error)) throw damaged(source.key, `is no whole gzip file (${error.message})`, error);
    // Where bytes follow that are no further member, Node ends the gzip and breaks the source off.
    if (!isInflated) throw error;
  }
  if (received > gunzip.bytesWritten) {
    throw damaged(source.key, `has ${received - gunzip.bytesWritten} or more bytes behind its gzip data`);
  }
  lines.finish();
}
