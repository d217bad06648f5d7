import { readErrorBody } from './answer-body.ts';
import type { TransportResponse } from './transport.ts';

/** Codes of a storage that a fresh URL may cure, besides every 403, 404 and 410. */
const EXPIRED_CODES = new Set(['ExpiredToken', 'TokenRefreshRequired']);
const TRANSIENT_CODES = new Set(['RequestTimeout', 'SlowDown', 'InternalError', 'ServiceUnavailable']);

/** Bytes that an answer announces, or undefined. */
export function contentLengthOf(headers: Readonly<Record<string, string>>): number | undefined {
  const text = headers['content-length'] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The code that S3 and its kin name in the body of a refusal, or `''`; reads and lets go of the body. */
export async function storageCode({ body }: TransportResponse, signal: AbortSignal): Promise<string> {
  const { text } = await readErrorBody(body, signal);
  return /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text)?.[1] ?? '';
}

/**
 * What a refusal of a storage means: it cannot serve now, the signed URL or its object is gone, or the request itself
 * is wrong.
 */
export function storageVerdict(status: number, code: string): 'unavailable' | 'expired' | 'rejected' {
  if (status >= 500 || status === 408 || status === 429 || TRANSIENT_CODES.has(code)) return 'unavailable';
  if (status === 403 || status === 404 || status === 410 || EXPIRED_CODES.has(code)) return 'expired';
  return 'rejected';
}
