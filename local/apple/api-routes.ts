import type { Right } from './api-keys.ts';
import { APP_LIST_PARAMETERS, APP_PARAMETERS } from './app-parameters.ts';
import type { ParameterRule, ParameterRules } from './parameters.ts';
import { methodNotAllowed, operationForbidden, pathNotFound, relationshipNotFound } from './refusals.ts';
import { GRANULARITIES, REPORT_CATEGORIES } from './report-data/reports.ts';

/** The operations of App Store Connect that simulated Apple carries out. */
export type OperationName =
  | 'list-apps'
  | 'get-app'
  | 'create-request'
  | 'get-request'
  | 'delete-request'
  | 'list-requests'
  | 'list-request-linkages'
  | 'list-reports'
  | 'list-report-linkages'
  | 'get-report'
  | 'list-instances'
  | 'list-instance-linkages'
  | 'get-instance'
  | 'list-segments'
  | 'list-segment-linkages'
  | 'get-segment';

/** One operation: its method, its path with `{id}`, what it needs and which parameters it knows. */
export interface Route {
  readonly name: OperationName;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly right: Right;
  readonly parameters: ParameterRules;
}

const enumOf = (values: readonly string[]): ParameterRule => ({ kind: 'enum', values });
const limitOf = (maximum: number): ParameterRule => ({ kind: 'limit', maximum });
const TEXT: ParameterRule = { kind: 'text' };
const PAGE: ParameterRules = { limit: limitOf(200), cursor: { kind: 'cursor' } };

const REQUEST_FIELDS: ParameterRules = {
  'fields[analyticsReportRequests]': enumOf(['accessType', 'stoppedDueToInactivity', 'reports']),
};
const REPORT_FIELDS: ParameterRules = {
  'fields[analyticsReports]': enumOf(['name', 'category', 'instances']),
};
const INSTANCE_FIELDS: ParameterRules = {
  'fields[analyticsReportInstances]': enumOf(['granularity', 'processingDate', 'segments']),
};
const SEGMENT_FIELDS: ParameterRules = {
  'fields[analyticsReportSegments]': enumOf(['checksum', 'sizeInBytes', 'url']),
};
const INCLUDED_REPORTS: ParameterRules = {
  ...REQUEST_FIELDS,
  ...REPORT_FIELDS,
  include: enumOf(['reports']),
  'limit[reports]': limitOf(50),
};

function route(
  name: OperationName,
  method: Route['method'],
  path: string,
  right: Right,
  ...parameters: ParameterRules[]
): Route {
  return { name, method, path, right, parameters: Object.assign({}, ...parameters) as ParameterRules };
}

const REQUESTS = '/v1/analyticsReportRequests';
const REPORTS_PATH = '/v1/analyticsReports';
const INSTANCES = '/v1/analyticsReportInstances';

/** Every operation; the parameters are those of Apple's specification, and `cursor` where a list has pages. */
export const ROUTES: readonly Route[] = [
  route('list-apps', 'GET', '/v1/apps', 'read-apps', PAGE, APP_LIST_PARAMETERS),
  route('get-app', 'GET', '/v1/apps/{id}', 'read-apps', APP_PARAMETERS),
  route('create-request', 'POST', REQUESTS, 'manage-requests'),
  route('get-request', 'GET', `${REQUESTS}/{id}`, 'read-analytics', INCLUDED_REPORTS),
  route('delete-request', 'DELETE', `${REQUESTS}/{id}`, 'manage-requests'),
  route(
    'list-requests',
    'GET',
    '/v1/apps/{id}/analyticsReportRequests',
    'read-analytics',
    PAGE,
    INCLUDED_REPORTS,
    {
      'filter[accessType]': enumOf(['ONE_TIME_SNAPSHOT', 'ONGOING']),
    },
  ),
  route(
    'list-request-linkages',
    'GET',
    '/v1/apps/{id}/relationships/analyticsReportRequests',
    'read-analytics',
    PAGE,
  ),
  route('list-reports', 'GET', `${REQUESTS}/{id}/reports`, 'read-analytics', PAGE, REPORT_FIELDS, {
    'filter[name]': TEXT,
    'filter[category]': enumOf(REPORT_CATEGORIES),
  }),
  route('list-report-linkages', 'GET', `${REQUESTS}/{id}/relationships/reports`, 'read-analytics', PAGE),
  route('get-report', 'GET', `${REPORTS_PATH}/{id}`, 'read-analytics', REPORT_FIELDS),
  route('list-instances', 'GET', `${REPORTS_PATH}/{id}/instances`, 'read-analytics', PAGE, INSTANCE_FIELDS, {
    'filter[granularity]': enumOf(GRANULARITIES),
    'filter[processingDate]': { kind: 'dates' },
  }),
  route(
    'list-instance-linkages',
    'GET',
    `${REPORTS_PATH}/{id}/relationships/instances`,
    'read-analytics',
    PAGE,
  ),
  route('get-instance', 'GET', `${INSTANCES}/{id}`, 'read-analytics', INSTANCE_FIELDS),
  route('list-segments', 'GET', `${INSTANCES}/{id}/segments`, 'read-analytics', PAGE, SEGMENT_FIELDS),
  route('list-segment-linkages', 'GET', `${INSTANCES}/{id}/relationships/segments`, 'read-analytics', PAGE),
  route('get-segment', 'GET', '/v1/analyticsReportSegments/{id}', 'read-analytics', SEGMENT_FIELDS),
];

const PATTERNS = ROUTES.map((each) => ({
  route: each,
  pattern: new RegExp(`^${each.path.replace('{id}', '([^/]+)')}$`),
}));

/** The operation of a call and the id in its path; `undefined` where there is none. */
export function matchRoute(method: string, path: string): { route: Route; id: string } | undefined {
  for (const { route: each, pattern } of PATTERNS) {
    const match = pattern.exec(path);
    if (each.method === method && match !== null)
      return { route: each, id: decodeURIComponent(match[1] ?? '') };
  }
  return undefined;
}

/** Why a call is no operation, the way Apple says it: 403, 404 or 405. */
export function refuseUnmatched(method: string, path: string): never {
  if (path === REQUESTS && method === 'GET')
    throw operationForbidden('analyticsReportRequests', 'GET_COLLECTION', 'CREATE, DELETE, GET_INSTANCE');
  const relationship = /^\/v1\/(analyticsReport\w*|apps)\/[^/]+\/(\w+)$/.exec(path);
  if (PATTERNS.some(({ pattern }) => pattern.test(path))) throw methodNotAllowed(method);
  if (relationship !== null) throw relationshipNotFound(relationship[1] ?? '', relationship[2] ?? '');
  throw pathNotFound();
}
