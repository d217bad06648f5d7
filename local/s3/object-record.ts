import { z } from 'zod';
import { ALGORITHMS } from './checksums.ts';

/** One upload's bytes within an object: the whole of a single put, or a part of a multipart upload. */
const objectPart = z.object({ size: z.number(), md5: z.string() });

/** Everything about one version of an object but its bytes, as it is kept under `.meta/`. */
const objectRecord = z.object({
  /** Which file this describes: the body with exactly this size and modification time. */
  file: z.object({ size: z.number(), modifiedNanoseconds: z.string() }),
  /** Without quotes. */
  etag: z.string(),
  /** Milliseconds since 1970, on the store's clock. */
  lastModified: z.number(),
  /** Content-Type and its like, names in lower case. */
  headers: z.record(z.string(), z.string()),
  /** `x-amz-meta-*` without that prefix. */
  userMetadata: z.record(z.string(), z.string()),
  /** In order; md5 in hexadecimal. They also recognise the bytes after a copy that lost the file times. */
  parts: z.array(objectPart),
  checksum: z
    .object({
      algorithm: z.enum(ALGORITHMS),
      type: z.enum(['FULL_OBJECT', 'COMPOSITE']),
      value: z.string(),
    })
    .optional(),
  /** SSE-KMS when a key ARN is given, SSE-S3 otherwise. */
  kmsKeyArn: z.string().optional(),
  versionId: z.string().optional(),
  /** The multipart upload that made the object, so that completing it again finds its own result. */
  uploadId: z.string().optional(),
});

export type ObjectRecord = z.infer<typeof objectRecord>;

/** A record before its body has reached a file. */
export type ObjectDraft = Omit<ObjectRecord, 'file'>;

const metadataDocument = z.object({
  key: z.string(),
  // The published version and, while a put is being committed, the next one.
  versions: z.array(objectRecord),
});

/** Reads a metadata file's records; throws with the file's name and what to do when it is damaged. */
export function parseMetadata(text: string, path: string): readonly ObjectRecord[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const parsed = metadataDocument.safeParse(json);
  if (!parsed.success) {
    throw new Error(
      `The metadata file ${path} is damaged. Delete it: the object's bytes stay, its headers do not.`,
    );
  }
  return parsed.data.versions;
}

/** The text of a metadata file. */
export function formatMetadata(key: string, versions: readonly ObjectRecord[]): string {
  return `${JSON.stringify({ key, versions })}\n`;
}
