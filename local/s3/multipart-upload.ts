import { rm } from 'node:fs/promises';
import type { StandInResponse } from '../http.ts';
import type { ReceivedBody } from './body.ts';
import { type ChecksumAlgorithm, type ChecksumType, checksumElement, checksumElements } from './checksums.ts';
import { authorizeDecryption, type ObjectContext } from './context.ts';
import { copyToFile, openCopySource } from './copy-object.ts';
import { S3Error } from './errors.ts';
import { parseRange } from './get-object.ts';
import {
  authorizeEncryption,
  describeNewObject,
  encryptionHeaders,
  newETag,
  requestedAlgorithm,
} from './object-headers.ts';
import { receiveToFile } from './put-object.ts';
import { documentDate, emptyResponse, xmlResponse } from './responses.ts';
import { type Upload, type UploadedPart, UploadStore } from './upload-store.ts';

const MAXIMUM_PART_NUMBER = 10_000;
const DEFAULT_PARTS_A_PAGE = 1000;

function chosenChecksumType(
  algorithm: ChecksumAlgorithm | undefined,
  requested: string | undefined,
): ChecksumType | undefined {
  if (algorithm === undefined) {
    if (requested !== undefined) {
      throw new S3Error(
        'InvalidRequest',
        'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
      );
    }
    return undefined;
  }
  const type = requested?.toUpperCase() ?? (algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE');
  const isPossible =
    type === 'FULL_OBJECT' ? algorithm.startsWith('crc') : type === 'COMPOSITE' && algorithm !== 'crc64nvme';
  if (!isPossible) {
    throw new S3Error(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    );
  }
  return type as ChecksumType;
}

/** CreateMultipartUpload: keeps what the object will be besides its bytes. */
export async function createMultipartUpload(context: ObjectContext): Promise<StandInResponse> {
  const { request, bucket, key, clock, verified } = context;
  const description = describeNewObject(context);
  authorizeEncryption(context, description.kmsKeyArn);
  const algorithm = requestedAlgorithm(request);
  const type = chosenChecksumType(algorithm, request.headers['x-amz-checksum-type']);
  const uploadId = await new UploadStore(context.store).create({
    ...description,
    key,
    initiated: clock.now(),
    initiator: verified.principal.name,
    ...(algorithm === undefined ? {} : { checksumAlgorithm: algorithm }),
    ...(type === undefined ? {} : { checksumType: type }),
  });
  return xmlResponse(
    'InitiateMultipartUploadResult',
    { Bucket: bucket.name, Key: key, UploadId: uploadId },
    {
      ...encryptionHeaders(description.kmsKeyArn),
      ...(algorithm === undefined ? {} : { 'x-amz-checksum-algorithm': algorithm.toUpperCase() }),
      ...(type === undefined ? {} : { 'x-amz-checksum-type': type }),
    },
  );
}

/** The upload that the request names; throws `NoSuchUpload`. */
export async function requestedUpload(context: ObjectContext): Promise<Upload> {
  return new UploadStore(context.store).require(context.request.query.get('uploadId') ?? '', context.key);
}

function requestedPartNumber(context: ObjectContext): number {
  const text = context.request.query.get('partNumber') ?? '';
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > MAXIMUM_PART_NUMBER) {
    throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive', {
      ArgumentName: 'partNumber',
      ArgumentValue: text,
    });
  }
  return number;
}

function assertPartChecksum(upload: Upload, declared: ReceivedBody['checksum'], wasDeclared: boolean): void {
  if (upload.checksumAlgorithm === undefined) return;
  const matches = declared?.algorithm === upload.checksumAlgorithm;
  // Of a full-object sum the store makes its own; a composite one is made of the client's.
  if (matches && (wasDeclared || upload.checksumType === 'FULL_OBJECT')) return;
  const actual = wasDeclared ? declared?.algorithm : 'null';
  throw new S3Error(
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${upload.checksumAlgorithm}, actual checksum Type: ${actual}`,
  );
}

function declaresChecksum(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => name.startsWith('x-amz-checksum-') || name === 'x-amz-trailer');
}

// S3 encrypts each part, and reads it again before it makes one object of them.
function authorizePart(context: ObjectContext, upload: Upload): void {
  authorizeEncryption(context, upload.kmsKeyArn);
  authorizeDecryption(context, upload);
}

/** UploadPart: the part counts once its body has arrived whole and every digest is right. */
export async function uploadPart(context: ObjectContext): Promise<StandInResponse> {
  const number = requestedPartNumber(context);
  const upload = await requestedUpload(context);
  authorizePart(context, upload);
  const { path, body } = await receiveToFile(context, upload.checksumAlgorithm);
  try {
    assertPartChecksum(upload, body.checksum, declaresChecksum(context.request.headers));
    const md5 = body.md5.toString('hex');
    const checksum =
      body.checksum === undefined
        ? undefined
        : { algorithm: body.checksum.algorithm, value: body.checksum.value.toString('base64') };
    const part: Omit<UploadedPart, 'file'> = {
      number,
      size: body.size,
      md5,
      etag: newETag(md5, upload.kmsKeyArn),
      lastModified: context.clock.now(),
      ...(checksum === undefined ? {} : { checksum }),
    };
    await new UploadStore(context.store).putPart(upload, path, part);
    return emptyResponse(200, {
      etag: `"${part.etag}"`,
      ...(checksum === undefined ? {} : { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value }),
      ...encryptionHeaders(upload.kmsKeyArn),
    });
  } finally {
    await rm(path, { force: true });
  }
}

function copySourceRange(header: string | undefined, size: number) {
  if (header === undefined) return undefined;
  const range = /^bytes=\d+-\d+$/.test(header) ? parseRange(header, size) : undefined;
  if (range === undefined || Number(header.split('-')[1]) >= size) {
    throw new S3Error(
      'InvalidArgument',
      'The x-amz-copy-source-range value must be of the form bytes=first-last within the source.',
    );
  }
  return range;
}

/** UploadPartCopy: a part whose bytes are another object's, or a range of them. */
export async function uploadPartCopy(context: ObjectContext): Promise<StandInResponse> {
  const number = requestedPartNumber(context);
  const upload = await requestedUpload(context);
  authorizePart(context, upload);
  const source = await openCopySource(context);
  try {
    const range = copySourceRange(
      context.request.headers['x-amz-copy-source-range'],
      source.object.record.file.size,
    );
    const { path, size, md5, checksum } = await copyToFile(context, source.object, {
      algorithm: upload.checksumAlgorithm,
      ...(range === undefined ? {} : { range }),
    });
    try {
      const part: Omit<UploadedPart, 'file'> = {
        number,
        size,
        md5,
        etag: newETag(md5, upload.kmsKeyArn),
        lastModified: context.clock.now(),
        ...(checksum === undefined ? {} : { checksum }),
      };
      await new UploadStore(context.store).putPart(upload, path, part);
      const { ChecksumType: _type, ...sum } = checksumElements(checksum);
      return xmlResponse(
        'CopyPartResult',
        { ETag: `"${part.etag}"`, LastModified: documentDate(part.lastModified), ...sum },
        encryptionHeaders(upload.kmsKeyArn),
      );
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    source.object.file.close();
  }
}

/** AbortMultipartUpload: the upload and its parts are gone. Throws `NoSuchUpload`. */
export async function abortMultipartUpload(context: ObjectContext): Promise<StandInResponse> {
  const uploads = new UploadStore(context.store);
  const { uploadId } = await requestedUpload(context);
  await uploads.exclusively(uploadId, async () => {
    await uploads.require(uploadId, context.key);
    await uploads.remove(uploadId);
  });
  return emptyResponse(204);
}

function pageLimit(text: string | undefined, name: string): number {
  if (text === undefined) return DEFAULT_PARTS_A_PAGE;
  if (!/^\d{1,9}$/.test(text))
    throw new S3Error('InvalidArgument', `Provided ${name} not an integer or within integer range`);
  return Math.min(Number(text), DEFAULT_PARTS_A_PAGE);
}

/** ListParts, in order of their numbers, 1,000 a page. */
export async function listParts(context: ObjectContext): Promise<StandInResponse> {
  const { query } = context.request;
  const upload = await requestedUpload(context);
  const marker = Number(query.get('part-number-marker') ?? '0');
  const limit = pageLimit(query.get('max-parts'), 'max-parts');
  const rest = (await new UploadStore(context.store).parts(upload.uploadId)).filter(
    ({ number }) => number > marker,
  );
  const page = rest.slice(0, limit);
  return xmlResponse('ListPartsResult', {
    Bucket: context.bucket.name,
    Key: context.key,
    UploadId: upload.uploadId,
    Initiator: { ID: upload.initiator, DisplayName: upload.initiator },
    StorageClass: 'STANDARD',
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number,
    MaxParts: limit,
    IsTruncated: rest.length > page.length,
    ChecksumAlgorithm: upload.checksumAlgorithm?.toUpperCase(),
    ChecksumType: upload.checksumType,
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: documentDate(part.lastModified),
      ETag: `"${part.etag}"`,
      Size: part.size,
      ...(part.checksum === undefined
        ? {}
        : { [checksumElement(part.checksum.algorithm)]: part.checksum.value }),
    })),
  });
}
