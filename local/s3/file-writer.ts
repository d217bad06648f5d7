import { writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

// Large enough that a write costs little beside the hashing, small enough that memory stays flat.
const BATCH_BYTES = 1024 * 1024;

/**
 * Writes bytes to a new file in large batches, one write in flight while the next batch fills; chunks are
 * never copied, so the caller must not reuse their memory. Write errors reject the next `write` or `finish`.
 * The file appears with the first batch: what is smaller is written at once by `finish`, without a thread.
 */
export class FileWriter {
  readonly #path: string;
  #handle: Promise<FileHandle> | undefined;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #inFlight: Promise<void> | undefined;

  /** `path` must not exist. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Takes bytes; the returned promise, if any, is the back-pressure to wait for. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    return this.#batchBytes < BATCH_BYTES ? undefined : this.#flush();
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#inFlight;
    this.#inFlight = this.#writeAll(batch);
    // The rejection is delivered by the next await of #inFlight; without a handler Node would end the process.
    this.#inFlight.catch(() => undefined);
  }

  async #writeAll(batch: readonly Uint8Array[]): Promise<void> {
    this.#handle ??= open(this.#path, 'wx');
    const handle = await this.#handle;
    const total = batch.reduce((sum, bytes) => sum + bytes.length, 0);
    const { bytesWritten } = await handle.writev(batch);
    if (bytesWritten === total) return;
    let rest = Buffer.concat(batch).subarray(bytesWritten);
    while (rest.length > 0) {
      const result = await handle.write(rest);
      rest = rest.subarray(result.bytesWritten);
    }
  }

  /** Writes what is left and closes the file. */
  async finish(): Promise<void> {
    if (this.#handle === undefined) {
      writeFileSync(this.#path, Buffer.concat(this.#batch), { flag: 'wx' });
      return;
    }
    if (this.#batchBytes > 0) await this.#flush();
    await this.#inFlight;
    await (await this.#handle).close();
  }

  /** Closes the file without caring about its content. */
  async abandon(): Promise<void> {
    await this.#inFlight?.catch(() => undefined);
    await (await this.#handle?.catch(() => undefined))?.close().catch(() => undefined);
  }
}
