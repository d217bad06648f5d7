import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const LEAST_CAPACITY = 4_096;
const MOST_CAPACITY = 65_536;
/** Of all buffers of one spill file together; where there are more of them, each stays smaller. */
const MOST_BUFFERED_BYTES = 33_554_432;
/** In front of each row: the number of its line. */
export const ROW_PREFIX_BYTES = 4;
/** Instead of a line number: the next four bytes are the number of the segment that the following rows are from. */
export const SEGMENT_MARK = 0xff_ff_ff_ff;
const SEGMENT_MARK_BYTES = 2 * ROW_PREFIX_BYTES;
const ROW_END = 10;

/** Where a compressed block lies in the file. */
interface BlockPlace {
  readonly offset: number;
  readonly bytes: number;
  readonly inflatedBytes: number;
}

/**
 * One temporary file that keeps rows outside the memory, in as many sequences as its user wants: one open file
 * whatever their number. Rows never span blocks.
 */
export class SpillFile {
  readonly #descriptor: number;
  #end = 0;
  #buffered = 0;

  /** Creates the file; fails when it exists. */
  constructor(file: string) {
    this.#descriptor = openSync(file, 'wx+');
  }

  rows(): SpilledRows {
    return new SpilledRows(this);
  }

  /** True when a buffer may grow by so many bytes. */
  mayBuffer(bytes: number): boolean {
    return this.#buffered + bytes <= MOST_BUFFERED_BYTES;
  }

  buffered(bytes: number): void {
    this.#buffered += bytes;
  }

  write(block: Buffer): BlockPlace {
    const compressed = zstdCompressSync(block, FAST);
    for (let written = 0; written < compressed.length; ) {
      written += writeSync(
        this.#descriptor,
        compressed,
        written,
        compressed.length - written,
        this.#end + written,
      );
    }
    const place = { offset: this.#end, bytes: compressed.length, inflatedBytes: block.length };
    this.#end += compressed.length;
    return place;
  }

  read({ offset, bytes, inflatedBytes }: BlockPlace): Buffer {
    const compressed = Buffer.allocUnsafe(bytes);
    for (let read = 0; read < bytes; ) {
      const count = readSync(this.#descriptor, compressed, read, bytes - read, offset + read);
      if (count === 0) throw new Error('the temporary file of rows ends early: another process changed it');
      read += count;
    }
    return zstdDecompressSync(compressed, { chunkSize: inflatedBytes });
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** A sequence of rows: the last ones in memory, those before them in compressed blocks of the file. */
export class SpilledRows {
  readonly #file: SpillFile;
  #places: BlockPlace[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #used = 0;
  #segment = -1;

  constructor(file: SpillFile) {
    this.#file = file;
  }

  /** Adds the bytes of a row; they hold no line end. */
  add(segment: number, line: number, bytes: Buffer, start: number, end: number): void {
    this.#makeRoom(SEGMENT_MARK_BYTES + ROW_PREFIX_BYTES + end - start + 1);
    const buffer = this.#buffer;
    let used = this.#used;
    if (segment !== this.#segment) {
      this.#segment = segment;
      buffer.writeUInt32LE(SEGMENT_MARK, used);
      buffer.writeUInt32LE(segment, used + ROW_PREFIX_BYTES);
      used += SEGMENT_MARK_BYTES;
    }
    buffer[used] = line;
    buffer[used + 1] = line >>> 8;
    buffer[used + 2] = line >>> 16;
    buffer[used + 3] = line >>> 24;
    used += ROW_PREFIX_BYTES;
    used += bytes.copy(buffer, used, start, end);
    buffer[used] = ROW_END;
    this.#used = used + 1;
    if (buffer.length > MOST_CAPACITY) this.flush();
  }

  /** The blocks in the order of their rows; each begins with a row or a segment mark. */
  *blocks(): Generator<Buffer> {
    for (const place of this.#places) yield this.#file.read(place);
    if (this.#used > 0) yield this.#buffer.subarray(0, this.#used);
  }

  /** Gives the memory back; the sequence is empty afterwards. */
  release(): void {
    this.#file.buffered(-this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
    this.#used = 0;
    this.#places = [];
  }

  /** Writes out what is in memory and gives the memory back. */
  flush(): void {
    this.#write();
    this.#file.buffered(-this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
  }

  #write(): void {
    if (this.#used > 0) this.#places.push(this.#file.write(this.#buffer.subarray(0, this.#used)));
    this.#used = 0;
  }

  #makeRoom(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return;
    const doubled = Math.max(LEAST_CAPACITY, 2 * this.#buffer.length);
    const capacity = Math.min(doubled, MOST_CAPACITY);
    const fits = capacity >= this.#used + bytes && capacity > this.#buffer.length;
    if (fits && this.#file.mayBuffer(capacity - this.#buffer.length)) {
      this.#resize(capacity);
    } else {
      this.#write();
      if (bytes > this.#buffer.length) this.#resize(Math.max(bytes, LEAST_CAPACITY));
    }
  }

  #resize(capacity: number): void {
    const buffer = Buffer.allocUnsafeSlow(capacity);
    this.#buffer.copy(buffer, 0, 0, this.#used);
    this.#file.buffered(capacity - this.#buffer.length);
    this.#buffer = buffer;
  }
}
