import type { Instance } from './instances.ts';
import { decodeCursor, encodeCursor, type Parameters } from './parameters.ts';
import type { Report } from './report-data/reports.ts';
import type { ReportRequest } from './report-requests.ts';
import type { SimulatedApp } from './scenario.ts';

/** A JSON:API resource as Apple writes it. */
export interface Resource {
  readonly type: string;
  readonly id: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly relationships?: Readonly<Record<string, unknown>>;
  readonly links?: Readonly<Record<string, string>>;
}

/** A JSON:API document; `data` is a resource or a list of them. */
export interface ApiDocument {
  data: Resource | readonly Resource[];
  included?: readonly Resource[];
  links: { self: string; first?: string; next?: string };
  meta?: { paging: { total?: number; limit: number; nextCursor?: string } };
}

const DEFAULT_PAGE = 50;

/** Leaves out the attributes and relationships that `fields[type]` does not name. */
export function withFields(resource: Resource, parameters: Parameters): Resource {
  const fields = parameters.list(`fields[${resource.type}]`);
  if (fields === undefined) return resource;
  const keep = (values: Readonly<Record<string, unknown>> | undefined) => {
    const kept = Object.entries(values ?? {}).filter(([name]) => fields.includes(name));
    return kept.length === 0 ? undefined : Object.fromEntries(kept);
  };
  const attributes = keep(resource.attributes);
  const relationships = keep(resource.relationships);
  return {
    type: resource.type,
    id: resource.id,
    ...(attributes === undefined ? {} : { attributes }),
    ...(relationships === undefined ? {} : { relationships }),
    ...(resource.links === undefined ? {} : { links: resource.links }),
  };
}

function relationship(self: string, name: string): { links: { self: string; related: string } } {
  return { links: { self: `${self}/relationships/${name}`, related: `${self}/${name}` } };
}

/** An app, with every attribute that Apple writes; unset ones are null. */
export function appResource(origin: string, app: SimulatedApp): Resource {
  const self = `${origin}/v1/apps/${app.id}`;
  return {
    type: 'apps',
    id: app.id,
    attributes: {
      accessibilityUrl: null,
      name: app.name,
      bundleId: app.bundleId,
      sku: app.sku,
      primaryLocale: app.primaryLocale,
      isOrEverWasMadeForKids: false,
      subscriptionStatusUrl: null,
      subscriptionStatusUrlVersion: null,
      subscriptionStatusUrlForSandbox: null,
      subscriptionStatusUrlVersionForSandbox: null,
      contentRightsDeclaration: null,
      streamlinedPurchasingEnabled: true,
    },
    relationships: { analyticsReportRequests: relationship(self, 'analyticsReportRequests') },
    links: { self },
  };
}

/** A report request; `included` adds the linkage of its reports. */
export function requestResource(
  origin: string,
  request: ReportRequest,
  isStopped: boolean,
  included?: { readonly total: number; readonly limit: number; readonly ids: readonly string[] },
): Resource {
  const self = `${origin}/v1/analyticsReportRequests/${request.id}`;
  const linkage =
    included === undefined
      ? {}
      : {
          meta: { paging: { total: included.total, limit: included.limit } },
          data: included.ids.map((id) => ({ type: 'analyticsReports', id })),
        };
  return {
    type: 'analyticsReportRequests',
    id: request.id,
    attributes: { accessType: request.accessType, stoppedDueToInactivity: isStopped },
    relationships: { reports: { ...linkage, ...relationship(self, 'reports') } },
    links: { self },
  };
}

/** The id of a report under a request. */
export function reportIdOf(request: ReportRequest, report: Report): string {
  return `r${report.number}-${request.id}`;
}

export function reportResource(origin: string, request: ReportRequest, report: Report): Resource {
  const id = reportIdOf(request, report);
  const self = `${origin}/v1/analyticsReports/${id}`;
  return {
    type: 'analyticsReports',
    id,
    attributes: { name: report.name, category: report.category },
    relationships: { instances: relationship(self, 'instances') },
    links: { self },
  };
}

export function instanceResource(origin: string, instance: Instance): Resource {
  const self = `${origin}/v1/analyticsReportInstances/${instance.id}`;
  return {
    type: 'analyticsReportInstances',
    id: instance.id,
    attributes: { granularity: instance.granularity, processingDate: instance.processingDate },
    relationships: { segments: relationship(self, 'segments') },
    links: { self },
  };
}

export function segmentResource(
  origin: string,
  id: string,
  attributes: { checksum: string; sizeInBytes: number; url: string },
): Resource {
  return {
    type: 'analyticsReportSegments',
    id,
    attributes,
    links: { self: `${origin}/v1/analyticsReportSegments/${id}` },
  };
}

function link(base: string, entries: readonly (readonly [string, string])[]): string {
  const query = new URLSearchParams(
    [...entries].map(([name, value]): [string, string] => [name, value]),
  ).toString();
  return query === '' ? base : `${base}?${query}`;
}

/** A document of one resource. */
export function singleDocument(base: string, data: Resource, parameters: Parameters): ApiDocument {
  return { data, links: { self: link(base, parameters.entries()) } };
}

/** One page of a list: `toResource` is called for its entries only. A cursor beyond the end gives an empty page. */
export function pageDocument<T>(
  base: string,
  entries: readonly T[],
  parameters: Parameters,
  toResource: (entry: T) => Resource,
): ApiDocument {
  const path = new URL(base).pathname;
  const limit = parameters.number('limit', DEFAULT_PAGE);
  const offset = decodeCursor(parameters.list('cursor')?.[0] ?? '', path) ?? 0;
  const end = offset + limit;
  const others = parameters.entries().filter(([name]) => name !== 'cursor' && name !== 'limit');
  const hasNext = end < entries.length;
  const nextCursor = encodeCursor(end, path);
  return {
    data: entries.slice(offset, end).map(toResource),
    links: {
      self: link(base, parameters.entries()),
      ...(hasNext
        ? {
            first: link(base, [...others, ['limit', String(limit)]]),
            next: link(base, [...others, ['cursor', nextCursor], ['limit', String(limit)]]),
          }
        : {}),
    },
    meta: { paging: { total: entries.length, ...(hasNext ? { nextCursor } : {}), limit } },
  };
}

/** The JSON of a document the way Apple prints it: two spaces, a space before the colon. */
export function printDocument(document: object): string {
  return JSON.stringify(document, null, 2).replace(/^(\s*"(?:[^"\\]|\\.)*"): /gm, '$1 : ');
}
