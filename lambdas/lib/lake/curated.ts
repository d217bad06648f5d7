import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type AccessType, accessType, day } from '../analytics/contracts.ts';
import { WriteConflictError } from '../errors.ts';
import {
  isConditionConflict,
  meansNotWritten,
  type ObjectStore,
  preconditionHeaders,
  type WriteCondition,
} from './object-store.ts';
import { writeFailure } from './storage-failures.ts';

/**
 * Publishes curated Dates: of all deliveries that tell of a Date the one with the highest rank owns its object, whole,
 * in whatever order, how often and by how many functions at once they are published (decision 026).
 */

/**
 * Release of the curation: raised with every change of what it makes of the same file, so that `rebuild-curated`
 * replaces what an earlier release wrote.
 */
export const CURATION_VERSION = 1;

/** What decides which delivery owns a Date, in the order of its weight. */
export interface DateRank {
  readonly isFinal: boolean;
  readonly processingDate: string;
  readonly access: AccessType;
  readonly instanceId: string;
  /** Release of the curation that wrote the object; a higher one replaces its own delivery's object. */
  readonly curationVersion: number;
}

/** What lies under a curated key, as far as publication needs to know. */
export interface CuratedHead {
  /** Undefined for an object that is none of ours: every rank is higher. */
  readonly rank: DateRank | undefined;
  readonly etag: string;
  /** MD5 of its bytes, hex, where the object itself was asked; an ETag is opaque under KMS. */
  readonly md5?: string | undefined;
}

export interface DateToPublish {
  readonly key: string;
  readonly rank: DateRank;
  /** Path of the Parquet file. */
  readonly file: string;
}

/** `kept`: what lies there ranks higher, or is the same delivery in the same bytes, and was left alone. */
export interface Publication {
  readonly outcome: 'written' | 'kept';
  readonly head: CuratedHead;
}

/** Rounds of looking and conditional write before other writers count as fighting. */
const ROUNDS = 8;

function compare<Value extends string | number | boolean>(a: Value, b: Value): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Positive when `a` owns the Date rather than `b`, 0 when they are the same delivery by the same release. */
export function compareRanks(a: DateRank, b: DateRank): number {
  return (
    compare(a.isFinal, b.isFinal) ||
    compare(a.processingDate, b.processingDate) ||
    compare(a.access === 'ONGOING', b.access === 'ONGOING') ||
    compare(a.instanceId, b.instanceId) ||
    compare(a.curationVersion, b.curationVersion)
  );
}

/** User metadata of a curated object; ids are encoded because headers take ASCII only. */
function metadataOf(rank: DateRank, md5: string): Record<string, string> {
  return {
    md5,
    'is-final': String(rank.isFinal),
    'processing-date': rank.processingDate,
    access: rank.access,
    'instance-id': encodeURIComponent(rank.instanceId),
    'curation-version': String(rank.curationVersion),
  };
}

function rankOf(metadata: Readonly<Record<string, string>>): DateRank | undefined {
  const access = accessType.safeParse(metadata.access);
  const processingDate = day.safeParse(metadata['processing-date']);
  const version = Number(metadata['curation-version']);
  const id = metadata['instance-id'];
  if (!access.success || !processingDate.success || id === undefined || !Number.isInteger(version)) {
    return undefined;
  }
  return {
    isFinal: metadata['is-final'] === 'true',
    processingDate: processingDate.data,
    access: access.data,
    instanceId: decodeURIComponent(id),
    curationVersion: version,
  };
}

async function headOf(store: ObjectStore, key: string): Promise<CuratedHead | 'absent'> {
  const facts = await store.facts(key);
  if (facts === undefined) return 'absent';
  return { rank: rankOf(facts.metadata), etag: facts.etag, md5: facts.metadata.md5 };
}

/** Positive when what lies there owns the Date rather than `rank`, 0 when it is the same delivery. */
function compareHead(head: CuratedHead | 'absent', rank: DateRank): number {
  return head === 'absent' || head.rank === undefined ? -1 : compareRanks(head.rank, rank);
}

interface Content {
  readonly body: Buffer;
  /** Hex. */
  readonly md5: string;
}

async function contentOf(file: string): Promise<Content> {
  const body = await readFile(file);
  return { body, md5: createHash('md5').update(body).digest('hex') };
}

/** The new ETag, or undefined when the condition did not hold or S3 saw another write at the same time. */
async function putIf(
  store: ObjectStore,
  date: DateToPublish,
  { body, md5 }: Content,
  condition: WriteCondition,
): Promise<string | undefined> {
  try {
    const answer = await store.client.send(
      new PutObjectCommand({
        Bucket: store.bucket,
        Key: date.key,
        Body: body,
        ContentLength: body.length,
        ContentMD5: Buffer.from(md5, 'hex').toString('base64'),
        ContentType: 'application/vnd.apache.parquet',
        Metadata: metadataOf(date.rank, md5),
        ...preconditionHeaders(condition),
      }),
    );
    return answer.ETag ?? '';
  } catch (error) {
    if (meansNotWritten(error, condition) || isConditionConflict(error)) return undefined;
    throw writeFailure(date.key, error);
  }
}

/**
 * Publishes one Date by compare-and-swap on its rank. `expected` is what the caller believes to lie there and saves a
 * HEAD: a belief that is wrong fails the write's condition, and a belief that would leave the object alone is checked,
 * so it can neither let a lower rank overwrite a higher one nor keep a Date from being published. The same delivery
 * in other bytes is written again, so that a rebuild takes a mended catalog over. Repeating it is harmless. Fails with
 * WriteConflictError when other writers win every round, with StorageUnavailableError when S3 does not take the write
 * now.
 */
export async function publishDate(
  store: ObjectStore,
  date: DateToPublish,
  expected?: CuratedHead | 'absent',
): Promise<Publication> {
  let believed = expected !== undefined && compareHead(expected, date.rank) >= 0 ? undefined : expected;
  let content: Content | undefined;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const head = believed ?? (await headOf(store, date.key));
    believed = undefined;
    const order = compareHead(head, date.rank);
    if (head !== 'absent' && order > 0) return { outcome: 'kept', head };
    content ??= await contentOf(date.file);
    // The same delivery in other bytes: the catalog or the curation was mended since.
    if (head !== 'absent' && order === 0 && head.md5 === content.md5) return { outcome: 'kept', head };
    const condition = head === 'absent' ? { ifAbsent: true as const } : { ifMatch: head.etag };
    const etag = await putIf(store, date, content, condition);
    if (etag !== undefined) return { outcome: 'written', head: { rank: date.rank, etag } };
  }
  throw new WriteConflictError(
    `${date.key} changed ${ROUNDS} times while it was being published: look for several executions that curate the same app.`,
    { details: { key: date.key } },
  );
}
