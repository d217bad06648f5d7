import { createHash } from 'node:crypto';
import type { ApiDocument, Resource } from '../documents.ts';
import { decodeCursor, encodeCursor } from '../parameters.ts';
import { uuidOf } from '../random.ts';
import { ELSEWHERE_HOST } from './answer-faults.ts';
import type { FaultKind } from './fault-kinds.ts';

/** What a changed document may depend on. */
export interface DocumentContext {
  /** Of the request, absolute, with its query. */
  readonly url: string;
  /** Different for every call. */
  readonly callNumber: number;
}

type Attributes = Record<string, unknown>;

function mapResources(document: ApiDocument, change: (resource: Resource) => Resource): ApiDocument {
  const { data } = document;
  return { ...document, data: Array.isArray(data) ? data.map(change) : change(data as Resource) };
}

function mapAttributes(document: ApiDocument, change: (attributes: Attributes) => Attributes): ApiDocument {
  return mapResources(document, (resource) =>
    resource.attributes === undefined
      ? resource
      : { ...resource, attributes: change({ ...resource.attributes }) },
  );
}

function mapAttribute(name: string, change: (value: unknown) => unknown) {
  return (document: ApiDocument) =>
    mapAttributes(document, ({ [name]: value, ...others }) => {
      const changed = change(value);
      return changed === undefined ? others : { ...others, [name]: changed };
    });
}

/** An absolute URL moved away from where it belongs. */
function moved(url: string, how: string): string {
  const parsed = new URL(url);
  if (how === 'http') parsed.protocol = 'http:';
  if (how === 'userinfo') parsed.username = 'someone';
  if (how === 'other-host') parsed.host = ELSEWHERE_HOST;
  if (how === 'ip') parsed.host = '203.0.113.7';
  if (how === 'other-port') parsed.port = '8443';
  return parsed.href;
}

function movedUrl(how: string) {
  return mapAttribute('url', (url) => moved(String(url), how));
}

function expired(url: unknown): string {
  const parsed = new URL(String(url));
  parsed.searchParams.set('X-Amz-Expires', '0');
  return parsed.href;
}

function withNext(document: ApiDocument, next: string): ApiDocument {
  return { ...document, links: { ...document.links, next } };
}

function nextOf(document: ApiDocument, { url }: DocumentContext): string {
  if (document.links.next !== undefined) return document.links.next;
  const next = new URL(url);
  next.searchParams.set('cursor', encodeCursor(document.meta?.paging.total ?? 0, next.pathname));
  return next.href;
}

function movedNext(how: string) {
  return (document: ApiDocument, context: DocumentContext) =>
    withNext(document, moved(nextOf(document, context), how));
}

function endlessEmptyPages(document: ApiDocument, { url }: DocumentContext): ApiDocument {
  if (document.links.next !== undefined) return document;
  const next = new URL(url);
  const offset = decodeCursor(next.searchParams.get('cursor') ?? '', next.pathname) ?? 0;
  const end = Math.max(offset, document.meta?.paging.total ?? 0);
  next.searchParams.set('cursor', encodeCursor(end + 1, next.pathname));
  next.searchParams.delete('limit');
  return withNext(document, next.href);
}

function withPaging(
  document: ApiDocument,
  change: (paging: NonNullable<ApiDocument['meta']>['paging']) => NonNullable<ApiDocument['meta']>['paging'],
): ApiDocument {
  return document.meta === undefined
    ? document
    : { ...document, meta: { paging: change(document.meta.paging) } };
}

function withoutLimit(document: ApiDocument): ApiDocument {
  if (document.links.next === undefined) return document;
  const next = new URL(document.links.next);
  next.searchParams.delete('limit');
  return withNext(document, next.href);
}

function withoutNext({ next: _, ...links }: ApiDocument['links']): ApiDocument['links'] {
  return links;
}

function drifted(name: unknown): string {
  return String(name)
    .replaceAll('-', ' ')
    .replace(/\b(Engagement|Orders|Deletion|Crashes)\b/, (word) => word.toLowerCase());
}

function driftedNames(document: ApiDocument): ApiDocument {
  const renamed = mapAttribute('name', drifted);
  const included = document.included?.map(
    (resource) => renamed({ data: resource, links: { self: '' } }).data as Resource,
  );
  const isReport =
    (Array.isArray(document.data) ? document.data[0] : document.data)?.type === 'analyticsReports';
  return { ...(isReport ? renamed(document) : document), ...(included === undefined ? {} : { included }) };
}

function otherHex(text: unknown): string {
  return createHash('md5').update(String(text)).digest('hex');
}

const CHANGES: Partial<
  Readonly<Record<FaultKind, (document: ApiDocument, context: DocumentContext) => ApiDocument>>
> = {
  'wrong-checksum': mapAttribute('checksum', otherHex),
  'missing-checksum': mapAttribute('checksum', () => undefined),
  'odd-checksum': mapAttribute('checksum', (sum) =>
    createHash('sha256').update(String(sum)).digest('base64'),
  ),
  'upper-case-checksum': mapAttribute('checksum', (sum) => String(sum).toUpperCase()),
  'missing-size': mapAttribute('sizeInBytes', () => undefined),
  'size-too-big': mapAttribute('sizeInBytes', (size) => Number(size) + 1),
  'size-too-small': mapAttribute('sizeInBytes', (size) => Number(size) - 1),
  'missing-url': mapAttribute('url', () => undefined),
  'empty-segments': (document) =>
    withPaging({ ...document, data: [] }, (paging) => ({ ...paging, total: 0 })),
  'reversed-segments': (document) => ({ ...document, data: [document.data].flat().reverse() }),
  'other-segment-ids': (document, { callNumber }) =>
    mapResources(document, (resource) => ({ ...resource, id: uuidOf(resource.id, callNumber) })),
  'expired-url': mapAttribute('url', expired),
  'url-other-host': movedUrl('other-host'),
  'url-http': movedUrl('http'),
  'url-userinfo': movedUrl('userinfo'),
  'url-ip': movedUrl('ip'),
  'url-other-port': movedUrl('other-port'),
  'next-same-url': (document, { url }) => withNext(document, url),
  'next-empty-pages': endlessEmptyPages,
  'next-other-host': movedNext('other-host'),
  'next-http': movedNext('http'),
  'next-userinfo': movedNext('userinfo'),
  'next-ip': movedNext('ip'),
  'next-other-port': movedNext('other-port'),
  'next-without-limit': withoutLimit,
  'missing-total': (document) => withPaging(document, ({ total: _, ...paging }) => paging),
  'total-too-high': (document) =>
    withPaging(document, (paging) => ({ ...paging, total: (paging.total ?? 0) + 3 })),
  'empty-page': (document) => ({ ...document, data: [], links: withoutNext(document.links) }),
  'report-name-drift': driftedNames,
  'unknown-attribute': (document) =>
    mapAttributes(document, (attributes) => ({ ...attributes, somethingNew: 'nobody knows' })),
};

/** The document as a fault of stage `document` changes it; any other kind is a `TypeError`. */
export function changeDocument(
  kind: FaultKind,
  document: ApiDocument,
  context: DocumentContext,
): ApiDocument {
  const change = CHANGES[kind];
  if (change === undefined) throw new TypeError(`fault '${kind}' changes no document`);
  return change(document, context);
}
