import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { TransferManifest } from '../../lambdas/lib/account-data/transfer-manifest.ts';
import type { StagedPiece } from '../../lambdas/lib/account-data/unpack/staged-lines.ts';
import type { UnpackedManifest } from '../../lambdas/lib/account-data/unpack/unpacked-manifest.ts';
import { jsonText, type ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import {
  archiveKey,
  fileKey,
  membersKey,
  recordsKey,
  type TransferIdentity,
  transferKey,
  unpackedKey,
  unpackingKey,
} from '../../lambdas/lib/lake/personal-keys.ts';
import { zipped } from '../../local/apple/account-data/zip-writer.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-05-01T00:00:00Z');

/** More than one part of a multipart upload, as it is written. */
const LARGE_BYTES = 9_500_000;

/** So many that the lines about them are more than one part. */
const MANY_MEMBERS = 25_000;

/** Under the bucket's own key, as the functions write. */
async function put(store: ObjectStore, key: string, body: string | Buffer): Promise<void> {
  await store.client.send(new PutObjectCommand({ Bucket: store.bucket, Key: key, Body: body }));
}

function grantIdOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function transferOf(instance: TransferIdentity, number: number): TransferManifest {
  return {
    ...instance,
    parentRequestId: null,
    service: 'account-data',
    mode: 'DAILY_30',
    series: 1,
    instance: number,
    instanceAt: new Date(START + number * HOUR).toISOString(),
    partial: false,
    archives: [{ number: 1, name: '1.zip', outcome: 'fetched', bytes: 1, sha256: '0'.repeat(64) }],
  };
}

function unpackedOf(transfer: TransferManifest): UnpackedManifest {
  const { archives, ...instance } = transfer;
  const counts = { archives: archives.length, members: 1, rows: 1, bytes: 1 };
  return { ...instance, complete: true, ...counts, outcomes: { unpacked: 1 } };
}

/** Puts so many instances of one grant there that one of them is superseded beyond `keep`; it has every kind of object. */
export async function plantSuperseded(store: ObjectStore, keep: number): Promise<void> {
  const instanceOf = (number: number) => ({ grantId: grantIdOf(1), requestId: `request-${number}` });
  const oldest = instanceOf(1);
  for (const keyOf of [archiveKey, membersKey]) await put(store, keyOf(oldest, 1), 'planted');
  for (const keyOf of [unpackingKey, fileKey, recordsKey]) await put(store, keyOf(oldest, 1, 1), 'planted');
  // The current one, those that are kept, and one more.
  for (let number = 1; number <= keep + 2; number += 1) {
    const transfer = transferOf(instanceOf(number), number);
    await put(store, transferKey(transfer), jsonText(transfer));
    await put(store, unpackedKey(transfer), jsonText(unpackedOf(transfer)));
  }
}

/** An instance whose unpacking begins a multipart upload that is not to be completed. */
export interface LargeInstance extends TransferIdentity {
  readonly name: string;
  /** Beginning of the keys at whose upload the grant gets a tombstone. */
  readonly erasedAt: 'records' | 'members' | undefined;
}

function randomBytes(bytes: number): Buffer {
  return createHash('shake256', { outputLength: bytes }).update('large member').digest();
}

function largeTable(): Buffer {
  const text = randomBytes(LARGE_BYTES).toString('base64');
  return Buffer.from(`value\n${(text.match(/.{1,100}/g) ?? []).join('\n')}\n`);
}

/** One byte in the middle is another: the sums do not fit any more. */
function damaged(archive: Buffer): Buffer {
  const changed = Buffer.from(archive);
  const middle = Math.floor(changed.length / 2);
  changed.writeUInt8(changed.readUInt8(middle) ^ 0xff, middle);
  return changed;
}

function manyMembers(): StagedPiece {
  const lines = Array.from({ length: MANY_MEMBERS }, (_, index) => ({
    ...{ archive: 1, archive_name: '1.zip', entry: index + 1, member: `${index}.txt`, raw_name: null },
    ...{ dataset: null, kind: 'file' as const, outcome: 'unpacked', reason: null, bytes: 1, rows: null },
    ...{ crc32: '00000000', object_key: null },
  }));
  return { next: { archive: 2, entry: 1 }, lines };
}

/** Zip archives with one large member each. */
interface LargeArchives {
  readonly table: Buffer;
  readonly file: Buffer;
}

async function makeLargeArchives(): Promise<LargeArchives> {
  const content = randomBytes(LARGE_BYTES);
  return {
    table: await zipped([{ path: 'table.csv', bytes: largeTable() }]),
    file: damaged(await zipped([{ path: 'content.bin', bytes: content }])),
  };
}

let madeArchives: Promise<LargeArchives> | undefined;

async function plantArchive(store: ObjectStore, instance: TransferIdentity, archive: Buffer): Promise<void> {
  const transfer = transferOf(instance, 1);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const archives = [{ number: 1, name: '1.zip', outcome: 'fetched' as const, bytes: archive.length, sha256 }];
  await put(store, archiveKey(instance, 1), archive);
  await put(store, transferKey(instance), jsonText({ ...transfer, archives }));
}

/** Puts fetched instances there: a table, the lines about many members, and a damaged file, each larger than a part. */
export async function plantLargeMembers(store: ObjectStore): Promise<LargeInstance[]> {
  const table = { grantId: grantIdOf(1), requestId: 'large-table' };
  const lines = { grantId: grantIdOf(2), requestId: 'many-members' };
  const file = { grantId: grantIdOf(3), requestId: 'large-file' };
  madeArchives ??= makeLargeArchives();
  const archives = await madeArchives;
  await plantArchive(store, table, archives.table);
  await put(store, transferKey(lines), jsonText(transferOf(lines, 1)));
  await put(store, unpackingKey(lines, 1, 1), jsonText(manyMembers()));
  await plantArchive(store, file, archives.file);
  return [
    { name: 'large table', ...table, erasedAt: 'records' },
    { name: 'many members', ...lines, erasedAt: 'members' },
    { name: 'large file', ...file, erasedAt: undefined },
  ];
}
