import type * as z from 'zod';
import { GrantErasedError, PayloadContractError, StorageUnavailableError } from '../../errors.ts';
import { type TransferIdentity, transferKey, unpackedKey } from '../../lake/personal-keys.ts';
import type { unpackArchives as contract, UnpackAnswer, UnpackCursor } from '../contracts.ts';
import { type TransferManifest, transferManifest } from '../transfer-manifest.ts';
import { finishUnpacking } from './finish-unpacking.ts';
import { assertNotErased } from './publish.ts';
import { FIRST_ENTRY, stagedPieces } from './staged-lines.ts';
import { ArchiveUnpacker } from './unpack-archive.ts';
import type { UnpackDeps } from './unpack-deps.ts';
import { type UnpackedManifest, unpackedManifest } from './unpacked-manifest.ts';

const ERASED: UnpackAnswer = { phase: 'erased', cursor: null, outcome: 'erased' };

function moreFrom(cursor: UnpackCursor): UnpackAnswer {
  return { phase: 'more', cursor, outcome: 'fetched' };
}

function unpackedAnswer({ outcomes }: UnpackedManifest): UnpackAnswer {
  const known = new Set(['unpacked', 'unreadable']);
  const isWhole = Object.keys(outcomes).every((outcome) => known.has(outcome));
  return { phase: 'unpacked', cursor: null, outcome: isWhole ? 'unpacked' : 'unpacked-with-refusals' };
}

async function readTransfer(deps: UnpackDeps, instance: TransferIdentity): Promise<TransferManifest> {
  const key = transferKey(instance);
  const stored = await deps.store.readJson(key, transferManifest);
  if (stored !== undefined) return stored.value;
  throw new PayloadContractError(`There is no ${key}: fetch the archives of the request first.`, {
    details: { key },
  });
}

/** The place behind what an earlier invocation has staged. */
async function skipStaged(
  deps: UnpackDeps,
  instance: TransferIdentity,
  from: UnpackCursor,
): Promise<UnpackCursor> {
  let cursor = from;
  for await (const { next } of stagedPieces(deps.store, instance, from)) cursor = next;
  return cursor;
}

async function unpack(
  deps: UnpackDeps,
  instance: TransferIdentity,
  cursor: UnpackCursor | null,
): Promise<UnpackAnswer> {
  await assertNotErased(deps.store, instance.grantId);
  const finished = await deps.store.readJson(unpackedKey(instance), unpackedManifest);
  if (finished !== undefined) return unpackedAnswer(finished.value);
  const transfer = await readTransfer(deps, instance);
  const unpacker = new ArchiveUnpacker({ deps, transfer });
  let from = await skipStaged(deps, instance, cursor ?? FIRST_ENTRY);
  while (from.archive <= transfer.archives.length) {
    const next = await unpacker.unpackPiece(from);
    if (next === from || deps.clock.now() >= deps.deadline) return moreFrom(next);
    from = next;
  }
  const finish = await finishUnpacking({ deps, transfer });
  return 'entry' in finish ? moreFrom(finish) : unpackedAnswer(finish);
}

/**
 * Unpacks the archives of an instance: tables become rows under `records/`, everything else lies as it came under
 * `files/`, a line about every member under `members/`, and at last the manifest. An archive is checked as a whole
 * before anything of it is written; what is refused becomes an outcome, and its archive stays. Goes on where the
 * staged lines end, so that any step may run twice: same bytes. `phase` is `more` when the invocation's time did not
 * suffice, and `erased` when the grant has a tombstone.
 * Fails with PayloadContractError (nothing was fetched), IntegrityError (an archive is shorter than it was),
 * StorageUnavailableError (S3 could not now).
 */
export async function unpackArchives(
  deps: UnpackDeps,
  { grantId, requestId, cursor }: z.output<(typeof contract)['input']>,
): Promise<UnpackAnswer> {
  try {
    return await unpack(deps, { grantId, requestId }, cursor);
  } catch (error) {
    if (error instanceof GrantErasedError) return ERASED;
    // What passes by itself is tried again by the state machine.
    if (!(error instanceof StorageUnavailableError)) deps.metrics.count('UnpackingsFailed', 1);
    throw error;
  }
}
