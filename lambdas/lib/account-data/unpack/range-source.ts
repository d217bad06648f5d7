import { GetObjectCommand } from '@aws-sdk/client-s3';
import { IntegrityError, StorageUnavailableError } from '../../errors.ts';
import type { ObjectStore } from '../../lake/object-store.ts';
import { transferFailure } from '../../lake/storage-failures.ts';

/** The bytes of an archive, from anywhere in it. */
export interface RangeSource {
  /** Size of the whole. */
  readonly bytes: number;
  /** The bytes from `start` to before `end`, both within the archive. */
  read(start: number, end: number): Promise<Buffer>;
}

/** Read at once, so that ten thousand small entries cost a few dozen requests. */
export const BLOCK_BYTES = 2 * 1024 * 1024;
/** Held at once; entries are read nearly in order. */
const BLOCKS_HELD = 6;
const ATTEMPTS = 3;

/** A body may break off on its way, which the SDK does not repeat. */
async function loadRange(store: ObjectStore, key: string, start: number, end: number): Promise<Buffer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await store.client.send(
        new GetObjectCommand({ Bucket: store.bucket, Key: key, Range: `bytes=${start}-${end - 1}` }),
      );
      return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
    } catch (error) {
      const failure = transferFailure(key, error);
      if (!(failure instanceof StorageUnavailableError) || attempt === ATTEMPTS) throw failure;
    }
  }
}

/**
 * Reads an object by ranges, in blocks that are kept a while; the block after one that is read in order is asked for
 * ahead. Fails with StorageUnavailableError, or with IntegrityError when the object is shorter than `bytes`.
 */
export function storedRanges(store: ObjectStore, key: string, bytes: number): RangeSource {
  const held = new Map<number, Promise<Buffer>>();
  let latest = -2;

  async function load(block: number): Promise<Buffer> {
    const start = block * BLOCK_BYTES;
    const end = Math.min(start + BLOCK_BYTES, bytes);
    const loaded = await loadRange(store, key, start, end);
    if (loaded.length === end - start) return loaded;
    throw new IntegrityError(`${key} is shorter than it was when it was fetched: fetch the archive again.`, {
      details: { key, bytes },
    });
  }

  function blockAt(block: number): Promise<Buffer> {
    const known = held.get(block);
    held.delete(block);
    const loading = known ?? load(block);
    held.set(block, loading);
    // A block that failed is asked for again by whoever needs it; nobody may wait for one that was read ahead.
    loading.catch(() => held.delete(block));
    for (const oldest of held.keys()) {
      if (held.size <= BLOCKS_HELD) break;
      held.delete(oldest);
    }
    return loading;
  }

  function readAhead(block: number): void {
    const isInOrder = block === latest + 1;
    latest = block;
    if (isInOrder && (block + 1) * BLOCK_BYTES < bytes && !held.has(block + 1)) void blockAt(block + 1);
  }

  return {
    bytes,
    async read(start, end) {
      const parts: Buffer[] = [];
      for (let position = start; position < end; ) {
        const block = Math.floor(position / BLOCK_BYTES);
        const loading = blockAt(block);
        if (block !== latest) readAhead(block);
        const content = await loading;
        const from = position - block * BLOCK_BYTES;
        const part = content.subarray(from, Math.min(content.length, end - block * BLOCK_BYTES));
        parts.push(part);
        position += part.length;
      }
      return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    },
  };
}
