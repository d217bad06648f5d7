import type { StandInResponse } from '../../http.ts';

/** A JSON answer. */
export function json(status: number, document: object): StandInResponse {
  const body = Buffer.from(JSON.stringify(document));
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': String(body.length) },
    body,
  };
}

/** An answer without a body. */
export function empty(status: number): StandInResponse {
  return { status, headers: { 'content-length': '0' }, body: '' };
}
