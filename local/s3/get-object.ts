import { Readable } from 'node:stream';
import type { StandInResponse } from '../http.ts';
import type { OpenObject } from './bucket-store.ts';
import { checksumHeaders } from './checksums.ts';
import { checkReadConditions } from './conditions.ts';
import { authorizeDecryption, missingKey, type ObjectContext } from './context.ts';
import { S3Error } from './errors.ts';
import { objectHeaders } from './object-headers.ts';
import type { ObjectRecord } from './object-record.ts';
import { emptyResponse, xmlResponse } from './responses.ts';

// Up to here the bytes are read at once: one read is cheaper than a stream, and no file stays open.
const WHOLE_READ_BYTES = 1024 * 1024;

interface ByteRange {
  readonly start: number;
  readonly length: number;
}

function invalidRange(header: string, size: number): S3Error {
  return new S3Error('InvalidRange', undefined, { RangeRequested: header, ActualObjectSize: String(size) });
}

/**
 * The range that a Range header asks for; undefined means the whole object, as S3 answers what it cannot read
 * or what asks for several ranges. Throws `InvalidRange` for a range past the end.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (header === undefined || match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    if (length === 0) throw invalidRange(header, size);
    return { start: size - length, length };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw invalidRange(header, size);
  return { start, length: end - start + 1 };
}

function partRange(record: ObjectRecord, partNumber: number): ByteRange {
  const part = record.parts[partNumber - 1];
  if (part === undefined) throw new S3Error('InvalidRange', 'The requested partnumber is not satisfiable');
  const start = record.parts.slice(0, partNumber - 1).reduce((sum, { size }) => sum + size, 0);
  return { start, length: part.size };
}

function requestedRange(context: ObjectContext, record: ObjectRecord): ByteRange | undefined {
  const partNumber = context.request.query.get('partNumber');
  const range = context.request.headers.range;
  if (partNumber === undefined) return parseRange(range, record.file.size);
  if (range !== undefined)
    throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
  if (!/^[1-9]\d{0,4}$/.test(partNumber))
    throw new S3Error('InvalidArgument', 'Part number must be an integer of 1 to 10000');
  return partRange(record, Number(partNumber));
}

function responseOverrides(context: ObjectContext): Record<string, string> {
  const overrides: Record<string, string> = {};
  for (const [name, value] of context.request.query) {
    if (name.startsWith('response-')) overrides[name.slice('response-'.length)] = value;
  }
  return overrides;
}

function wantsChecksum(context: ObjectContext): boolean {
  return context.request.headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED';
}

function describeResponse(
  context: ObjectContext,
  record: ObjectRecord,
  range: ByteRange | undefined,
): Pick<StandInResponse, 'status' | 'headers'> {
  const size = record.file.size;
  const headers: Record<string, string> = {
    ...objectHeaders(record),
    ...responseOverrides(context),
    'content-length': String(range?.length ?? size),
  };
  if (record.uploadId !== undefined && context.request.query.has('partNumber')) {
    headers['x-amz-mp-parts-count'] = String(record.parts.length);
  }
  // A sum of the whole says nothing about a part of it.
  if (wantsChecksum(context) && (range === undefined || range.length === size)) {
    Object.assign(headers, checksumHeaders(record.checksum));
  }
  if (range === undefined) return { status: 200, headers };
  headers['content-range'] = `bytes ${range.start}-${range.start + range.length - 1}/${size}`;
  return { status: 206, headers };
}

function checkConditions(context: ObjectContext, record: ObjectRecord): StandInResponse | undefined {
  if (checkReadConditions(context.request.headers, record) === 'send') return undefined;
  const { etag = '', 'last-modified': lastModified = '' } = objectHeaders(record);
  return emptyResponse(304, { etag, 'last-modified': lastModified });
}

/** HeadObject: what GetObject says, without the bytes. A sum of encrypted bytes needs the key's permission. */
export async function headObject(context: ObjectContext): Promise<StandInResponse> {
  const record = await context.store.describe(context.key);
  if (record === undefined) throw missingKey(context, context.bucket.name, context.key);
  if (wantsChecksum(context) && record.checksum !== undefined) authorizeDecryption(context, record);
  const unchanged = checkConditions(context, record);
  if (unchanged !== undefined) return unchanged;
  return { ...describeResponse(context, record, requestedRange(context, record)), body: '' };
}

/** The bytes of an opened object as a stream that closes the file at its end, whatever ends it. */
export function readRange({ file, record }: OpenObject, range?: ByteRange): Readable {
  const length = range?.length ?? record.file.size;
  if (length > 0) return file.stream(range?.start ?? 0, length);
  file.close();
  return Readable.from([]);
}

/** GetObject, whole or a range; the stream holds the version that was current when it began. */
export async function getObject(context: ObjectContext): Promise<StandInResponse> {
  const object = await context.store.open(context.key);
  if (object === undefined) throw missingKey(context, context.bucket.name, context.key);
  try {
    authorizeDecryption(context, object.record);
    const unchanged = checkConditions(context, object.record);
    if (unchanged !== undefined) {
      object.file.close();
      return unchanged;
    }
    const range = requestedRange(context, object.record);
    const described = describeResponse(context, object.record, range);
    const length = range?.length ?? object.record.file.size;
    if (length > WHOLE_READ_BYTES) return { ...described, body: readRange(object, range) };
    const bytes = object.file.read(range?.start ?? 0, length);
    object.file.close();
    return { ...described, body: bytes };
  } catch (error) {
    object.file.close();
    throw error;
  }
}

/** GetObjectTagging: objects here have no tags, since none can be set; `aws s3 cp` asks before it copies. */
export async function getObjectTagging(context: ObjectContext): Promise<StandInResponse> {
  if ((await context.store.describe(context.key)) === undefined) {
    throw missingKey(context, context.bucket.name, context.key);
  }
  return xmlResponse('Tagging', { TagSet: '' });
}
