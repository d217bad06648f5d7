import { jsonLines } from '../../lake/json-lines.ts';
import { jsonText } from '../../lake/object-store.ts';
import { membersKey, unpackedKey } from '../../lake/personal-keys.ts';
import type { UnpackCursor } from '../contracts.ts';
import { type AccountDataFileLine, lineTimestamp } from '../table-columns.ts';
import type { TransferManifest } from '../transfer-manifest.ts';
import { assertNotErased, LINES_TYPE, publish } from './publish.ts';
import { FIRST_ENTRY, type StagedLine, stagedPieces } from './staged-lines.ts';
import type { UnpackContext } from './unpack-deps.ts';
import type { UnpackedManifest } from './unpacked-manifest.ts';

/** What all staged lines together tell. */
interface Totals {
  members: number;
  rows: number;
  bytes: number;
  refusedArchives: Set<number>;
  outcomes: Map<string, number>;
}

function addLine(totals: Totals, line: StagedLine): void {
  totals.outcomes.set(line.outcome, (totals.outcomes.get(line.outcome) ?? 0) + 1);
  if (line.entry !== null) totals.members += 1;
  if (line.kind === 'none') totals.refusedArchives.add(line.archive);
  else totals.bytes += line.bytes;
  totals.rows += line.rows ?? 0;
}

/** Adds up the staged lines; the place where the chain of pieces breaks, if it does. */
async function addUp({ deps, transfer }: UnpackContext): Promise<{ totals: Totals; end: UnpackCursor }> {
  const totals: Totals = {
    ...{ members: 0, rows: 0, bytes: 0 },
    ...{ refusedArchives: new Set<number>(), outcomes: new Map<string, number>() },
  };
  let end = FIRST_ENTRY;
  for await (const { lines, next } of stagedPieces(deps.store, transfer, FIRST_ENTRY)) {
    for (const line of lines) addLine(totals, line);
    end = next;
  }
  return { totals, end };
}

/** In the order of the table's columns. */
function fileLine(transfer: TransferManifest, complete: boolean, line: StagedLine): AccountDataFileLine {
  return {
    grant_id: transfer.grantId,
    request_id: transfer.requestId,
    instance_at: lineTimestamp(transfer.instanceAt),
    partial: transfer.partial,
    complete,
    ...line,
  };
}

async function* memberLines({ deps, transfer }: UnpackContext, complete: boolean): AsyncGenerator<Buffer> {
  for await (const { lines } of stagedPieces(deps.store, transfer, FIRST_ENTRY)) {
    if (lines.length > 0)
      yield Buffer.from(jsonLines(lines.map((line) => fileLine(transfer, complete, line))));
  }
}

function manifestOf(transfer: TransferManifest, complete: boolean, totals: Totals): UnpackedManifest {
  return {
    grantId: transfer.grantId,
    requestId: transfer.requestId,
    parentRequestId: transfer.parentRequestId,
    service: transfer.service,
    mode: transfer.mode,
    series: transfer.series,
    instance: transfer.instance,
    instanceAt: transfer.instanceAt,
    partial: transfer.partial,
    complete,
    archives: transfer.archives.length,
    members: totals.members,
    rows: totals.rows,
    bytes: totals.bytes,
    outcomes: Object.fromEntries([...totals.outcomes].sort(([left], [right]) => (left < right ? -1 : 1))),
  };
}

/**
 * Publishes the lines about all members and then the manifest; the manifest, or the place to go on from when lines
 * are missing. Repeating it leaves the same bytes. Fails with GrantErasedError, or with what S3 fails with.
 */
export async function finishUnpacking(context: UnpackContext): Promise<UnpackedManifest | UnpackCursor> {
  const { deps, transfer } = context;
  const { totals, end } = await addUp(context);
  if (end.archive <= transfer.archives.length) return end;
  const complete = !transfer.partial && totals.refusedArchives.size === 0;
  const manifest = manifestOf(transfer, complete, totals);
  const members = { grantId: transfer.grantId, key: membersKey(transfer), contentType: LINES_TYPE };
  await publish(deps.store, members, memberLines(context, complete));
  await assertNotErased(deps.store, transfer.grantId);
  const isNew = await deps.store.writeText(unpackedKey(transfer), jsonText(manifest), { ifAbsent: true });
  if (isNew && totals.refusedArchives.size > 0) {
    deps.metrics.count('ArchivesNotReadable', totals.refusedArchives.size);
  }
  return manifest;
}
