import type { OperationName } from './api-routes.ts';
import {
  type ApiDocument,
  appResource,
  instanceResource,
  pageDocument,
  type Resource,
  reportIdOf,
  reportResource,
  requestResource,
  segmentResource,
  singleDocument,
  withFields,
} from './documents.ts';
import type { Instance } from './instances.ts';
import type { Parameters } from './parameters.ts';
import { entityError, resourceNotFound, stateError } from './refusals.ts';
import type { Report } from './report-data/reports.ts';
import type { ReportRequest } from './report-requests.ts';
import { parseCreation } from './request-body.ts';
import type { SimulatedApp } from './scenario.ts';
import { pathOf, type Segment } from './segments.ts';
import type { SimulatedAccount } from './simulated-account.ts';

/** What an operation works on. */
export interface OperationContext {
  readonly account: SimulatedAccount;
  /** Origin for links. */
  readonly origin: string;
  /** Path of the call. */
  readonly path: string;
  /** The id in the path. */
  readonly id: string;
  readonly parameters: Parameters;
  readonly body: string;
  /** A fresh download URL of a file. */
  readonly mintUrl: (path: string) => string;
}

/** What an operation answers; no document for 204. */
export interface OperationResult {
  readonly status: 200 | 201 | 204;
  readonly document?: ApiDocument;
}

const SNAPSHOT_TOO_SOON = 'A one-time snapshot can be requested once a month';
const INCLUDED_REPORTS = 50;

function found<T>(value: T | undefined, type: string, id: string): T {
  if (value === undefined) throw resourceNotFound(type, id);
  return value;
}

function appOf({ account, id }: OperationContext): SimulatedApp {
  return found(account.app(id), 'apps', id);
}

function requestOf({ account, id }: OperationContext): ReportRequest {
  return found(account.requests.byId(id), 'analyticsReportRequests', id);
}

function reportOf({ account, id }: OperationContext): { request: ReportRequest; report: Report } {
  return found(account.reportById(id), 'analyticsReports', id);
}

function instanceOf({ account, id }: OperationContext): Instance {
  return found(account.instanceById(id), 'analyticsReportInstances', id);
}

function page<T>(
  context: OperationContext,
  entries: readonly T[],
  toResource: (entry: T) => Resource,
): OperationResult {
  const document = pageDocument(context.origin + context.path, entries, context.parameters, (entry) =>
    withFields(toResource(entry), context.parameters),
  );
  return { status: 200, document };
}

function single(context: OperationContext, resource: Resource): OperationResult {
  const data = withFields(resource, context.parameters);
  return { status: 200, document: singleDocument(context.origin + context.path, data, context.parameters) };
}

function linkages(context: OperationContext, type: string, ids: readonly string[]): OperationResult {
  return page(context, ids, (id) => ({ type, id }));
}

function sortedApps(apps: readonly SimulatedApp[], sort: readonly string[]): SimulatedApp[] {
  const comparisons = sort.map((expression) => {
    const field = expression.replace('-', '') as 'name' | 'bundleId' | 'sku';
    const direction = expression.startsWith('-') ? -1 : 1;
    return (a: SimulatedApp, b: SimulatedApp) => direction * a[field].localeCompare(b[field]);
  });
  return [...apps].sort((a, b) => comparisons.reduce((order, compare) => order || compare(a, b), 0));
}

function listApps(context: OperationContext): OperationResult {
  const { account, parameters, origin } = context;
  const fields = ['id', 'name', 'bundleId', 'sku'] as const;
  const apps = account.apps.filter((app) =>
    fields.every((field) => parameters.admits(`filter[${field}]`, app[field])),
  );
  return page(context, sortedApps(apps, parameters.list('sort') ?? []), (app) => appResource(origin, app));
}

function createRequest({ account, origin, body }: OperationContext): OperationResult {
  const { appId, accessType } = parseCreation(body);
  if (account.app(appId) === undefined)
    throw entityError(
      'RELATIONSHIP.INVALID',
      '/data/relationships/app',
      `There is no resource of type 'apps' with id '${appId}'`,
    );
  const request = account.requests.create(appId, accessType, account.clock.now());
  if (request === 'exists') throw stateError();
  if (request === 'snapshot within a month') throw stateError(SNAPSHOT_TOO_SOON);
  // The self link of the new document is the collection, not the item: so it stands in Apple's example.
  const links = { self: `${origin}/v1/analyticsReportRequests` };
  return { status: 201, document: { data: requestResource(origin, request, false), links } };
}

/** The resource of a request and, with `include=reports`, its first reports. */
function withReports(
  context: OperationContext,
  request: ReportRequest,
): { data: Resource; included: Resource[] } {
  const { account, origin, parameters } = context;
  const isStopped = account.isStopped(request);
  if (parameters.list('include') === undefined)
    return { data: requestResource(origin, request, isStopped), included: [] };
  const limit = parameters.number('limit[reports]', INCLUDED_REPORTS);
  const reports = account.reports.slice(0, limit);
  const ids = reports.map((report) => reportIdOf(request, report));
  return {
    data: requestResource(origin, request, isStopped, { total: account.reports.length, limit, ids }),
    included: reports.map((report) => withFields(reportResource(origin, request, report), parameters)),
  };
}

function including(
  result: OperationResult,
  context: OperationContext,
  included: readonly Resource[],
): OperationResult {
  if (result.document === undefined || context.parameters.list('include') === undefined) return result;
  return { ...result, document: { ...result.document, included } };
}

function getRequest(context: OperationContext): OperationResult {
  const { data, included } = withReports(context, requestOf(context));
  return including(single(context, data), context, included);
}

function listRequests(context: OperationContext): OperationResult {
  const { account, parameters } = context;
  const requests = account.requests
    .ofApp(appOf(context).id)
    .filter(({ accessType }) => parameters.admits('filter[accessType]', accessType));
  const included: Resource[] = [];
  const result = page(context, requests, (request) => {
    const each = withReports(context, request);
    included.push(...each.included);
    return each.data;
  });
  return including(result, context, included);
}

function listReports(context: OperationContext): OperationResult {
  const { account, origin, parameters } = context;
  const request = requestOf(context);
  const reports = account.reports.filter(
    ({ name, category }) =>
      parameters.admits('filter[name]', name) && parameters.admits('filter[category]', category),
  );
  return page(context, reports, (report) => reportResource(origin, request, report));
}

function listInstances(context: OperationContext): Instance[] {
  const { account, parameters } = context;
  const { request, report } = reportOf(context);
  account.requests.noteRetrieval(request, account.clock.now());
  return account
    .listInstances(request, report)
    .filter(
      ({ granularity, processingDate }) =>
        parameters.admits('filter[granularity]', granularity) &&
        parameters.admits('filter[processingDate]', processingDate),
    );
}

function listSegments(context: OperationContext): Segment[] {
  const instance = instanceOf(context);
  context.account.requests.noteRetrieval(instance.request, context.account.clock.now());
  return context.account.segmentsOf(instance);
}

function segmentWithUrl({ account, origin, mintUrl }: OperationContext, segment: Segment): Resource {
  const { md5, sizeInBytes } = account.files.contentOf(segment);
  return segmentResource(origin, segment.id, { checksum: md5, sizeInBytes, url: mintUrl(pathOf(segment)) });
}

function getReport(context: OperationContext): OperationResult {
  const { request, report } = reportOf(context);
  return single(context, reportResource(context.origin, request, report));
}

function deleteRequest(context: OperationContext): OperationResult {
  context.account.requests.delete(requestOf(context), context.account.clock.now());
  return { status: 204 };
}

function getSegment(context: OperationContext): OperationResult {
  const segment = found(context.account.segmentById(context.id), 'analyticsReportSegments', context.id);
  return single(context, segmentWithUrl(context, segment));
}

const idsOf = (resources: readonly { readonly id: string }[]) => resources.map(({ id }) => id);

/** What each operation does. Throws `AppleRefusal` for everything Apple refuses. */
export const OPERATIONS: Readonly<Record<OperationName, (context: OperationContext) => OperationResult>> = {
  'list-apps': listApps,
  'get-app': (context) => single(context, appResource(context.origin, appOf(context))),
  'create-request': createRequest,
  'get-request': getRequest,
  'delete-request': deleteRequest,
  'list-requests': listRequests,
  'list-request-linkages': (context) =>
    linkages(context, 'analyticsReportRequests', idsOf(context.account.requests.ofApp(appOf(context).id))),
  'list-reports': listReports,
  'list-report-linkages': (context) => {
    const request = requestOf(context);
    return linkages(
      context,
      'analyticsReports',
      context.account.reports.map((report) => reportIdOf(request, report)),
    );
  },
  'get-report': getReport,
  'list-instances': (context) =>
    page(context, listInstances(context), (instance) => instanceResource(context.origin, instance)),
  'list-instance-linkages': (context) =>
    linkages(context, 'analyticsReportInstances', idsOf(listInstances(context))),
  'get-instance': (context) => single(context, instanceResource(context.origin, instanceOf(context))),
  'list-segments': (context) =>
    page(context, listSegments(context), (segment) => segmentWithUrl(context, segment)),
  'list-segment-linkages': (context) =>
    linkages(context, 'analyticsReportSegments', idsOf(listSegments(context))),
  'get-segment': getSegment,
};
