import type { StandInResponse } from '../../http.ts';
import { json } from './answers.ts';
import type { FaultKind } from './faults.ts';

type JsonObject = Record<string, unknown>;
type Change = (document: JsonObject) => JsonObject;

const TEN_DAYS_SECONDS = 864_000;

function without(name: string): Change {
  return ({ [name]: _, ...rest }) => rest;
}

function withField(name: string, value: unknown): Change {
  return (document) => ({ ...document, [name]: value });
}

/** Changes the list where there is one. */
function list(change: (urls: string[]) => unknown): Change {
  return (document) =>
    Array.isArray(document.assetInfo)
      ? { ...document, assetInfo: change(document.assetInfo as string[]) }
      : document;
}

function urls(change: (url: URL) => void): Change {
  return list((all) =>
    all.map((text) => {
      const url = new URL(text);
      change(url);
      return url.href;
    }),
  );
}

function expired(text: string): string {
  const url = new URL(text);
  url.searchParams.set('X-Amz-Expires', '0');
  return url.href;
}

const CHANGES: Partial<Readonly<Record<FaultKind, Change>>> = {
  'missing-request-id': without('requestId'),
  'missing-delay': without('statusCheckDelay'),
  'zero-delay': withField('statusCheckDelay', 0),
  'negative-delay': withField('statusCheckDelay', -60),
  'text-delay': withField('statusCheckDelay', 'soon'),
  'huge-delay': withField('statusCheckDelay', TEN_DAYS_SECONDS),
  'unknown-job-status': withField('jobStatus', 'archived'),
  'unknown-fields': (document) => ({ ...document, estimatedSize: 12_345, links: { help: null } }),
  'missing-list': without('assetInfo'),
  'empty-list': list(() => []),
  'list-of-numbers': list((all) => all.map((_, index) => index)),
  'reversed-list': list((all) => all.toReversed()),
  'shorter-list': list((all) => all.slice(0, -1)),
  'expired-urls': list((all) => all.map(expired)),
  'last-url-expired': list((all) => [...all.slice(0, -1), ...all.slice(-1).map(expired)]),
  'url-http': list((all) => all.map((url) => url.replace(/^https?:/, 'http:'))),
  'url-loopback': list((all) => all.map((url) => url.replace(/^https?:\/\/[^/]+/, 'https://127.0.0.1'))),
  'url-private-address': list((all) =>
    all.map((url) => url.replace(/^https?:\/\/[^/]+/, 'https://10.0.0.1')),
  ),
  'url-other-port': urls((url) => {
    url.port = '8443';
  }),
  'url-userinfo': urls((url) => {
    url.username = 'apple';
  }),
};

/** An answer as a fault of stage `document` changes it; answers that are no JSON object stay as they are. */
export function changeDocument(kind: FaultKind, answer: StandInResponse): StandInResponse {
  const change = CHANGES[kind];
  const isJson = answer.headers['content-type'] === 'application/json';
  if (change === undefined || !isJson || !Buffer.isBuffer(answer.body)) return answer;
  return json(answer.status, change(JSON.parse(answer.body.toString('utf8')) as JsonObject));
}
