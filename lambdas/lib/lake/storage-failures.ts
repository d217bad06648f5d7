import { S3ServiceException } from '@aws-sdk/client-s3';
import { StorageUnavailableError } from '../errors.ts';

/** S3's answers that say nothing about the write itself; RequestTimeout is a 400: the body came too slowly. */
const PASSING_CODES = new Set(['RequestTimeout', 'SlowDown', 'InternalError', 'ServiceUnavailable']);
const PASSING_STATUSES = new Set([429, 500, 502, 503, 504]);

const CONNECTION_CODES = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** What passes by itself, as a word for the message; undefined for every other error. */
function passingFault(error: unknown): string | undefined {
  if (error instanceof S3ServiceException) {
    const status = error.$metadata.httpStatusCode ?? 0;
    return PASSING_CODES.has(error.name) || PASSING_STATUSES.has(status) ? error.name : undefined;
  }
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'TimeoutError') return error.name;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && CONNECTION_CODES.has(code) ? code : undefined;
}

/** What passes by itself becomes StorageUnavailableError with the sentence; everything else stays what it is. */
function namedFailure(
  error: unknown,
  details: Readonly<Record<string, string>>,
  sentence: (fault: string) => string,
): unknown {
  const fault = passingFault(error);
  if (fault === undefined) return error;
  return new StorageUnavailableError(sentence(fault), { details: { ...details, fault }, cause: error });
}

/**
 * The error of a write to S3 as the flows see it: what passes by itself is `StorageUnavailableError`. The SDK repeats
 * no streamed body, so each such fault of one comes up to its caller.
 */
export function writeFailure(key: string, error: unknown): unknown {
  return namedFailure(
    error,
    { key },
    (fault) => `S3 did not take ${key} (${fault}): the bytes are fetched and written again.`,
  );
}

/**
 * The error of work that reads from S3 and writes to it, as the flows see it: what passes by itself, a body that
 * broke off on its way among it, is `StorageUnavailableError`.
 */
export function transferFailure(what: string, error: unknown): unknown {
  return namedFailure(error, { what }, (fault) => `S3 failed on ${what} (${fault}): the work is repeated.`);
}
