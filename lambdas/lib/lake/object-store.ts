import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import * as z from 'zod';
import { PayloadContractError, WriteConflictError } from '../errors.ts';

/** Precondition of a write: only if nothing is there, or only if what is there is what was read. */
export type WriteCondition = { readonly ifAbsent: true } | { readonly ifMatch: string };

export interface StoredObject<Value> {
  readonly value: Value;
  readonly etag: string;
}

export interface ObjectFacts {
  readonly bytes: number;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** One bucket, reduced to what the flows do with it. */
export interface ObjectStore {
  readonly client: S3Client;
  readonly bucket: string;
  /** The object's text, or undefined when there is none. */
  readText(key: string): Promise<StoredObject<string> | undefined>;
  /** The object parsed by `schema`; PayloadContractError names the key when it is of another shape. */
  readJson<Schema extends z.ZodType>(
    key: string,
    schema: Schema,
  ): Promise<StoredObject<z.output<Schema>> | undefined>;
  /**
   * Writes JSON text; false when the condition did not hold. Without a condition it overwrites. Fails with
   * WriteConflictError when S3 answers every attempt of a conditional write with 409.
   */
  writeText(key: string, text: string, condition?: WriteCondition): Promise<boolean>;
  /** Size, ETag and user metadata, or undefined when there is none. */
  facts(key: string): Promise<ObjectFacts | undefined>;
  /** Keys under a prefix in UTF-8 order, all pages. */
  list(prefix: string, startAfter?: string): Promise<readonly string[]>;
  /** What lies directly below a prefix and holds keys itself, each with its `/`, in UTF-8 order, all pages. */
  folders(prefix: string): Promise<readonly string[]>;
  /** Copies to another key and deletes the first; repeating it after a crash is harmless. */
  move(from: string, to: string): Promise<void>;
}

/** True for the answers that mean "the condition of this write does not hold": look again, then decide. */
export function isConditionFailed(error: unknown): boolean {
  return (
    error instanceof S3ServiceException &&
    (error.name === 'PreconditionFailed' || error.$metadata.httpStatusCode === 412)
  );
}

/** True when S3 saw a concurrent write to the same key: neither applied nor refused, so ask again. */
export function isConditionConflict(error: unknown): boolean {
  return (
    error instanceof S3ServiceException &&
    (error.name === 'ConditionalRequestConflict' || error.$metadata.httpStatusCode === 409)
  );
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof S3ServiceException &&
    (error.name === 'NoSuchKey' || error.name === 'NotFound' || error.$metadata.httpStatusCode === 404)
  );
}

/** The headers of a condition, as fields of PutObject. */
export function preconditionHeaders(condition: WriteCondition | undefined): {
  IfNoneMatch?: '*';
  IfMatch?: string;
} {
  if (condition === undefined) return {};
  return 'ifAbsent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.ifMatch };
}

/** An object that was to be replaced and is gone counts as changed, like one that differs. */
export function meansNotWritten(error: unknown, condition: WriteCondition | undefined): boolean {
  return isConditionFailed(error) || (condition !== undefined && 'ifMatch' in condition && isMissing(error));
}

async function undefinedIfMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The named error for such an answer where asking again here does not help. */
export function conflictOf(key: string, cause: unknown): WriteConflictError {
  return new WriteConflictError(
    `S3 saw another write to ${key} at the same time and applied neither: look for two executions that work on the same account.`,
    { details: { key }, cause },
  );
}

/** Attempts of a conditional write that S3 answers with 409, before it is a WriteConflictError. */
const CONFLICT_ATTEMPTS = 5;

/** JSON as this project stores it: two spaces, a newline at the end, keys in the order they were built. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export interface ObjectStoreOptions {
  /** ARN of the KMS key that texts are encrypted with; the bucket's own unless told. */
  readonly encryptionKeyArn?: string;
}

/** An ObjectStore over one bucket; the client's own retries apply. Missing objects need s3:ListBucket to be seen as missing. */
export function objectStore(
  client: S3Client,
  bucket: string,
  { encryptionKeyArn }: ObjectStoreOptions = {},
): ObjectStore {
  const encryption =
    encryptionKeyArn === undefined
      ? {}
      : ({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: encryptionKeyArn } as const);

  async function readText(key: string): Promise<StoredObject<string> | undefined> {
    const answer = await undefinedIfMissing(client.send(new GetObjectCommand({ Bucket: bucket, Key: key })));
    if (answer?.Body === undefined) return undefined;
    return { value: await answer.Body.transformToString(), etag: answer.ETag ?? '' };
  }

  async function allPages(
    query: Pick<ListObjectsV2CommandInput, 'Prefix' | 'StartAfter' | 'Delimiter'>,
  ): Promise<readonly ListObjectsV2CommandOutput[]> {
    const pages: ListObjectsV2CommandOutput[] = [];
    let token: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, ...query, ContinuationToken: token }),
      );
      pages.push(page);
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return pages;
  }

  return {
    client,
    bucket,
    readText,

    async readJson(key, schema) {
      const stored = await readText(key);
      if (stored === undefined) return undefined;
      const result = z.safeParse(schema, parseJson(key, stored.value));
      if (!result.success) {
        const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
        throw new PayloadContractError(
          `The object ${key} is not of the expected shape (${problems.join('; ')}): restore its previous version.`,
          { details: { key, problems } },
        );
      }
      return { value: result.data, etag: stored.etag };
    },

    async writeText(key, text, condition) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await client.send(
            new PutObjectCommand({
              Bucket: bucket,
              Key: key,
              Body: text,
              ContentType: 'application/json',
              ...encryption,
              ...preconditionHeaders(condition),
            }),
          );
          return true;
        } catch (error) {
          if (meansNotWritten(error, condition)) return false;
          if (condition === undefined || !isConditionConflict(error)) throw error;
          if (attempt === CONFLICT_ATTEMPTS) throw conflictOf(key, error);
        }
      }
    },

    async facts(key) {
      const answer = await undefinedIfMissing(
        client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })),
      );
      return (
        answer && {
          bytes: answer.ContentLength ?? 0,
          etag: answer.ETag ?? '',
          metadata: answer.Metadata ?? {},
        }
      );
    },

    async list(prefix, startAfter) {
      const pages = await allPages({ Prefix: prefix, StartAfter: startAfter });
      return pages.flatMap((page) => page.Contents ?? []).flatMap(({ Key }) => Key ?? []);
    },

    async folders(prefix) {
      const pages = await allPages({ Prefix: prefix, Delimiter: '/' });
      return pages.flatMap((page) => page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []);
    },

    async move(from, to) {
      const source = `${bucket}/${from}`.split('/').map(encodeURIComponent).join('/');
      const copied = await undefinedIfMissing(
        client.send(new CopyObjectCommand({ Bucket: bucket, Key: to, CopySource: source })),
      );
      if (copied === undefined) return;
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: from }));
    },
  };
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PayloadContractError(`The object ${key} is not JSON: restore its previous version.`, {
      details: { key },
      cause: error,
    });
  }
}
