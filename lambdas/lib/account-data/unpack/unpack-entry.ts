import { fileKey, recordsKey } from '../../lake/personal-keys.ts';
import type { TransferredArchive } from '../transfer-manifest.ts';
import { datasetName } from './dataset-name.ts';
import { delimitedRows } from './delimited-rows.ts';
import { jsonRows } from './json-rows.ts';
import { BYTES_TYPE, PARQUET_TYPE, publish } from './publish.ts';
import type { RangeSource } from './range-source.ts';
import { recordsFile } from './records-file.ts';
import { EntryRefused, TableUnreadable, type UnreadableReason } from './refusals.ts';
import type { StagedLine } from './staged-lines.ts';
import { HEAD_BYTES, type TableFormat, tableFormat } from './table-format.ts';
import type { TableRow } from './table-row.ts';
import { decodeText, type TextEncoding } from './text-decoding.ts';
import { type UnpackContext, whileTimeLasts } from './unpack-deps.ts';
import { isSmallEntry, readSmallEntry, streamEntry } from './zip-content.ts';
import type { ZipEntry } from './zip-directory.ts';

/** A larger table might not be read within one invocation; reading takes longer than keeping. */
const TABLE_BYTES = 1_000_000_000;

/** One entry of an open archive. */
export interface EntryToUnpack {
  readonly archive: TransferredArchive;
  readonly source: RangeSource;
  readonly entry: ZipEntry;
}

/** A member whose content can be read from its beginning as often as needed. */
interface Member {
  readonly context: UnpackContext;
  readonly archive: number;
  readonly entry: ZipEntry;
  readonly dataset: string;
  content(): AsyncIterable<Buffer>;
}

type Kept = Pick<StagedLine, 'kind' | 'outcome' | 'reason' | 'rows' | 'object_key'>;

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

async function contentOf(
  { deps }: UnpackContext,
  { source, entry }: EntryToUnpack,
): Promise<() => AsyncIterable<Buffer>> {
  if (!isSmallEntry(entry)) return () => whileTimeLasts(deps, streamEntry(source, entry));
  const content = await readSmallEntry(source, entry);
  return () => once(content);
}

async function headOf({ content }: Member): Promise<Buffer> {
  const head: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content()) {
    head.push(chunk);
    bytes += chunk.length;
    if (bytes >= HEAD_BYTES) break;
  }
  return Buffer.concat(head).subarray(0, HEAD_BYTES);
}

function rowsOf(
  member: Member,
  format: TableFormat,
  encoding: TextEncoding,
): AsyncIterable<readonly TableRow[]> {
  const text = decodeText(member.content(), encoding);
  return format.kind === 'delimited' ? delimitedRows(text, format.delimiter) : jsonRows(text, format.kind);
}

/** Publishes the rows of a member; fails with TableUnreadable before anything is visible. */
async function keepRecords(member: Member, format: TableFormat, encoding: TextEncoding): Promise<Kept> {
  const { archive, entry, dataset, context } = member;
  const { deps, transfer } = context;
  const key = recordsKey(transfer, archive, entry.number);
  let rows = 0;
  const file = recordsFile(
    { ...transfer, archive, dataset, member: entry.name },
    rowsOf(member, format, encoding),
    (count) => {
      rows = count;
    },
  );
  await publish(deps.store, { grantId: transfer.grantId, key, contentType: PARQUET_TYPE }, file);
  return { kind: 'records', outcome: 'unpacked', reason: null, rows, object_key: key };
}

async function keepFile(member: Member, reason: UnreadableReason | null): Promise<Kept> {
  const { archive, entry, context } = member;
  const { deps, transfer } = context;
  const key = fileKey(transfer, archive, entry.number);
  await publish(deps.store, { grantId: transfer.grantId, key, contentType: BYTES_TYPE }, member.content());
  const outcome = reason === null ? 'unpacked' : 'unreadable';
  return { kind: 'file', outcome, reason, rows: null, object_key: key };
}

/** Tries the encodings in turn; what is no table in any of them is kept as a file. */
async function keepTable(member: Member, format: TableFormat): Promise<Kept> {
  let reason: UnreadableReason = 'not-text';
  for (const encoding of format.encodings) {
    if (reason !== 'not-text') break;
    try {
      return await keepRecords(member, format, encoding);
    } catch (error) {
      if (!(error instanceof TableUnreadable)) throw error;
      reason = error.reason;
    }
  }
  return keepFile(member, reason);
}

async function keep(member: Member): Promise<Kept> {
  const format = tableFormat(member.entry.name, await headOf(member));
  if (format === 'file') return keepFile(member, null);
  if (format === 'not-text') return keepFile(member, format);
  return member.entry.bytes > TABLE_BYTES ? keepFile(member, 'table-too-large') : keepTable(member, format);
}

async function unpacked(context: UnpackContext, toUnpack: EntryToUnpack, dataset: string): Promise<Kept> {
  const { archive, entry } = toUnpack;
  try {
    if (entry.refusal !== null) throw new EntryRefused(entry.refusal);
    const content = await contentOf(context, toUnpack);
    return await keep({ context, archive: archive.number, entry, dataset, content });
  } catch (error) {
    if (!(error instanceof EntryRefused)) throw error;
    return { kind: 'none', outcome: error.outcome, reason: null, rows: null, object_key: null };
  }
}

/**
 * Unpacks one entry: a table becomes rows, everything else a file; what is refused becomes neither.
 * Fails with TimeOver, GrantErasedError, or what S3 fails with.
 */
export async function unpackEntry(context: UnpackContext, toUnpack: EntryToUnpack): Promise<StagedLine> {
  const { archive, entry } = toUnpack;
  const dataset = datasetName(entry.name);
  const kept = await unpacked(context, toUnpack, dataset);
  return {
    archive: archive.number,
    archive_name: archive.name,
    entry: entry.number,
    member: entry.name,
    raw_name: entry.rawName,
    dataset,
    kind: kept.kind,
    outcome: kept.outcome,
    reason: kept.reason,
    bytes: entry.bytes,
    rows: kept.rows,
    crc32: entry.crc32.toString(16).padStart(8, '0'),
    object_key: kept.object_key,
  };
}
