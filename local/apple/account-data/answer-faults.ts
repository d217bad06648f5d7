import type { StandInResponse } from '../../http.ts';
import { ELSEWHERE_HOST } from '../faults/answer-faults.ts';
import type { FaultKind } from './faults.ts';

const RETRY_AFTER_SECONDS = 30;
const RETRY_DATE_MILLISECONDS = 45_000;
const PAGE =
  '<!doctype html><html lang="en"><head><title>Apple</title></head><body>Please wait.</body></html>';

const STATUS_OF: Partial<Readonly<Record<FaultKind, number>>> = {
  'internal-error': 500,
  unavailable: 503,
  'rate-limited': 429,
  'bad-request': 400,
  'not-authorized': 401,
  'token-expires': 401,
  forbidden: 403,
  'not-found': 404,
  gone: 410,
};

const OAUTH_ERRORS: Partial<Readonly<Record<FaultKind, string>>> = {
  'invalid-request': 'invalid_request',
  'invalid-client': 'invalid_client',
  'invalid-grant': 'invalid_grant',
  'unauthorized-client': 'unauthorized_client',
  'unsupported-grant-type': 'unsupported_grant_type',
  'invalid-scope': 'invalid_scope',
};

function answer(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): StandInResponse {
  return { status, headers: { 'content-length': String(Buffer.byteLength(body)), ...headers }, body };
}

/** The answer of a fault of stage `answer`; `now` in milliseconds. Any other kind is a `TypeError`. */
export function faultAnswer(kind: FaultKind, target: string, now: number): StandInResponse {
  const status = STATUS_OF[kind];
  if (status !== undefined) return answer(status);
  const oauthError = OAUTH_ERRORS[kind];
  const json = { 'content-type': 'application/json' };
  if (oauthError !== undefined) return answer(400, json, JSON.stringify({ error: oauthError }));
  switch (kind) {
    case 'bad-gateway':
      return answer(502, { 'content-type': 'text/html' }, PAGE);
    case 'html-200':
      return answer(200, { 'content-type': 'text/html;charset=utf-8' }, PAGE);
    case 'not-json':
      return answer(200, json, '{"requestId": "');
    case 'rate-limited-seconds':
      return answer(429, { 'retry-after': String(RETRY_AFTER_SECONDS) });
    case 'rate-limited-date':
      return answer(429, { 'retry-after': new Date(now + RETRY_DATE_MILLISECONDS).toUTCString() });
    case 'redirect':
      return answer(302, { location: `https://${ELSEWHERE_HOST}/` });
    case 'redirect-to-itself':
      return answer(307, { location: target });
    case 'redirect-to-loopback':
      return answer(307, { location: 'https://127.0.0.1/' });
    default:
      throw new TypeError(`fault '${kind}' has no answer`);
  }
}
