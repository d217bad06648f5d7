import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { type AccountDataFileLine, lineTimestamp } from '../../lambdas/lib/account-data/table-columns.ts';
import { type RecordsOf, recordsFile } from '../../lambdas/lib/account-data/unpack/records-file.ts';
import { membersKey, recordsKey } from '../../lambdas/lib/lake/personal-keys.ts';

type Rows = readonly Readonly<Record<string, string | null>>[];

/** One member of an archive, as unpacking tells it. */
export interface UnpackedMember {
  readonly archive?: number;
  /** Path in the archive; null for an archive that was refused as a whole. */
  readonly member: string | null;
  readonly outcome?: string;
  /** Makes it a table; without rows it is kept as a file, or nothing is where the outcome is a refusal. */
  readonly dataset?: string;
  readonly rows?: Rows;
}

/** One instance of a grant. */
export interface UnpackedInstance {
  readonly grantId: string;
  readonly requestId: string;
  /** ISO 8601. */
  readonly instanceAt: string;
  readonly partial?: boolean;
  readonly complete?: boolean;
  readonly members: readonly UnpackedMember[];
}

function kindOf({ member, outcome = 'unpacked', rows }: UnpackedMember): AccountDataFileLine['kind'] {
  if (member === null || !['unpacked', 'unreadable'].includes(outcome)) return 'none';
  return rows === undefined ? 'file' : 'records';
}

function lineOf(instance: UnpackedInstance, unpacked: UnpackedMember, entry: number): AccountDataFileLine {
  const { grantId, requestId, instanceAt, partial = false, complete = !partial } = instance;
  const { archive = 1, member, dataset = null, rows, outcome = 'unpacked' } = unpacked;
  return {
    ...{
      grant_id: grantId,
      request_id: requestId,
      instance_at: lineTimestamp(instanceAt),
      partial,
      complete,
    },
    ...{ archive, archive_name: `${archive}.zip`, entry: member === null ? null : entry, member },
    ...{ raw_name: null, dataset, kind: kindOf(unpacked), outcome, reason: null, bytes: 100 },
    ...{ rows: rows?.length ?? null, crc32: null },
    object_key: rows === undefined ? null : recordsKey(instance, archive, entry),
  };
}

async function fileFor(lake: string, key: string): Promise<string> {
  const file = join(lake, 'personal', key);
  await mkdir(dirname(file), { recursive: true });
  return file;
}

async function writeRecords(file: string, line: AccountDataFileLine, of: RecordsOf, rows: Rows) {
  const table = rows.map((row) => ({ names: Object.keys(row), values: Object.values(row) }));
  const pieces = recordsFile(of, Readable.from([table]), (count) => {
    if (count !== line.rows) throw new Error(`${count} rows were written instead of ${line.rows}`);
  });
  await writeFile(file, pieces);
}

/** Writes into a lake directory what queries read of an unpacked instance. */
export async function writeUnpackedInstance(lake: string, instance: UnpackedInstance): Promise<void> {
  const lines = instance.members.map((member, index) => lineOf(instance, member, index + 1));
  const file = await fileFor(lake, membersKey(instance));
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  for (const [index, line] of lines.entries()) {
    const rows = instance.members[index]?.rows;
    if (rows === undefined) continue;
    const { archive, partial, member, dataset } = line;
    const of = { ...instance, archive, partial, member: member ?? '', dataset: dataset ?? '' };
    await writeRecords(await fileFor(lake, recordsKey(instance, archive, index + 1)), line, of, rows);
  }
}
