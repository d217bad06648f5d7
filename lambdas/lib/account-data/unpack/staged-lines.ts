import * as z from 'zod';
import { jsonText, type ObjectStore } from '../../lake/object-store.ts';
import { type TransferIdentity, unpackingKey } from '../../lake/personal-keys.ts';
import { type UnpackCursor, unpackCursor } from '../contracts.ts';

/** What is known of a member as soon as it is unpacked: a line but for what only the whole instance tells. */
export const stagedLine = z.object({
  archive: z.int().positive(),
  archive_name: z.string(),
  entry: z.int().positive().nullable(),
  member: z.string().nullable(),
  raw_name: z.string().nullable(),
  dataset: z.string().nullable(),
  kind: z.enum(['records', 'file', 'none']),
  outcome: z.string(),
  reason: z.string().nullable(),
  bytes: z.int().nonnegative(),
  rows: z.int().nonnegative().nullable(),
  crc32: z.string().nullable(),
  object_key: z.string().nullable(),
});
export type StagedLine = z.infer<typeof stagedLine>;

/**
 * The lines from one entry on, and where the next piece begins. What is unpacked is a chain of pieces from the first
 * entry of the first archive; a piece that an ended invocation left behind says the same as one written now.
 */
const stagedPiece = z.object({ next: unpackCursor, lines: z.array(stagedLine) });
export type StagedPiece = z.infer<typeof stagedPiece>;

/** Where every instance begins. */
export const FIRST_ENTRY: UnpackCursor = { archive: 1, entry: 1 };

/** The piece that begins at `from`, if it is written. */
export async function readPiece(
  store: ObjectStore,
  instance: TransferIdentity,
  from: UnpackCursor,
): Promise<StagedPiece | undefined> {
  return (await store.readJson(unpackingKey(instance, from.archive, from.entry), stagedPiece))?.value;
}

/** Writes the piece that begins at `from`. */
export async function writePiece(
  store: ObjectStore,
  instance: TransferIdentity,
  from: UnpackCursor,
  piece: StagedPiece,
): Promise<void> {
  await store.writeText(unpackingKey(instance, from.archive, from.entry), jsonText(piece));
}

/** The pieces from `from` on, as far as the chain is written. */
export async function* stagedPieces(
  store: ObjectStore,
  instance: TransferIdentity,
  from: UnpackCursor,
): AsyncGenerator<StagedPiece> {
  for (let cursor = from; ; ) {
    const piece = await readPiece(store, instance, cursor);
    if (piece === undefined) return;
    yield piece;
    cursor = piece.next;
  }
}
