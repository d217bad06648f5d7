import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { unlessAbsentSync } from './files.ts';

const READ_BYTES = 512 * 1024;

/** A file open for reading: it keeps the bytes that it was opened with, whatever is renamed over its name. */
export class OpenFile {
  #descriptor: number | undefined;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Opens a regular file, no link; undefined when there is none. */
  static open(path: string): OpenFile | undefined {
    const descriptor = unlessAbsentSync(() => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW));
    return descriptor === undefined ? undefined : new OpenFile(descriptor);
  }

  /** Size and time of change, which tell versions of an object apart. */
  stat() {
    return fstatSync(this.#open(), { bigint: true });
  }

  /** Reads `length` bytes from `start` on at once; for what is small. */
  read(start: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const read = readSync(this.#open(), bytes, done, length - done, start + done);
      if (read === 0) throw new Error('An object was shortened by something else while it was read.');
      done += read;
    }
    return bytes;
  }

  /** Bytes as a stream, which closes the file at its end, whatever ends it; `length` is at least 1. */
  stream(start: number, length: number): Readable {
    const fd = this.#open();
    this.#descriptor = undefined;
    return createReadStream('', { fd, start, end: start + length - 1, highWaterMark: READ_BYTES });
  }

  /** Closing twice, or after a stream has taken the file over, does nothing. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new Error('The file is closed, or a stream has taken it over.');
    return this.#descriptor;
  }
}
