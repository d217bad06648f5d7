import { entityError, entityUnprocessable, unsupportedMediaType } from './refusals.ts';
import type { AccessType } from './report-requests.ts';

function positionOf(text: string, needle: string): { row: number; column: number } {
  const before = text.slice(0, Math.max(0, text.indexOf(needle))).split('\n');
  return { row: before.length, column: (before.at(-1) ?? '').length + 1 };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body)) return body;
  } catch {
    // Malformed JSON is answered like any other body that is no request document.
  }
  throw entityUnprocessable('', { row: 1, column: 1 });
}

function required(pointer: string, what: string) {
  return entityError(
    'ATTRIBUTE.REQUIRED',
    pointer,
    `You must provide a value for the ${what} with this request`,
  );
}

function accessTypeOf(data: Readonly<Record<string, unknown>>): AccessType {
  const pointer = '/data/attributes/accessType';
  const attributes = isObject(data.attributes) ? data.attributes : {};
  const unknown = Object.keys(attributes).find((name) => name !== 'accessType');
  if (unknown !== undefined)
    throw entityError(
      'ATTRIBUTE.UNKNOWN',
      `/data/attributes/${unknown}`,
      `'${unknown}' is not an attribute on the resource 'analyticsReportRequests'`,
    );
  const { accessType } = attributes;
  if (accessType === undefined || accessType === null) throw required(pointer, "attribute 'accessType'");
  if (typeof accessType !== 'string')
    throw entityError('ATTRIBUTE.TYPE', pointer, "The attribute 'accessType' must be text");
  if (accessType !== 'ONGOING' && accessType !== 'ONE_TIME_SNAPSHOT')
    throw entityError(
      'ATTRIBUTE.INVALID',
      pointer,
      `'${accessType}' is not a valid value for the attribute 'accessType'`,
    );
  return accessType;
}

function appIdOf(data: Readonly<Record<string, unknown>>): string {
  const pointer = '/data/relationships/app';
  const relationships = isObject(data.relationships) ? data.relationships : {};
  const app = isObject(relationships.app) ? relationships.app.data : undefined;
  if (!isObject(app))
    throw entityError(
      'RELATIONSHIP.REQUIRED',
      pointer,
      "You must provide a value for the relationship 'app' with this request",
    );
  if (app.type !== 'apps' || typeof app.id !== 'string')
    throw entityError(
      'RELATIONSHIP.INVALID',
      `${pointer}/data`,
      "The relationship 'app' needs type 'apps' and an id",
    );
  return app.id;
}

const JSON_TYPES = ['application/json', 'application/vnd.api+json'];

/** Refuses with 415 a body that its Content-Type does not call JSON. */
export function assertJsonType(contentType: string | undefined): void {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!JSON_TYPES.includes(type)) throw unsupportedMediaType(contentType);
}

function refuseOwnId(data: Readonly<Record<string, unknown>>): void {
  if (data.id === undefined) return;
  throw entityError(
    'ATTRIBUTE.NOT_ALLOWED',
    '/data/id',
    "The attribute 'id' can not be included in a 'CREATE' operation",
  );
}

/** App and access type of the body of POST /v1/analyticsReportRequests; 409 and 422 as Apple says what is wrong. */
export function parseCreation(text: string): { appId: string; accessType: AccessType } {
  const body = parse(text);
  const { data } = body;
  if (!isObject(data)) {
    const first = Object.keys(body)[0] ?? 'data';
    throw entityUnprocessable(first, positionOf(text, `"${first}"`));
  }
  if (data.type !== 'analyticsReportRequests')
    throw entityError('ATTRIBUTE.TYPE', '/data/type', "The resource type must be 'analyticsReportRequests'");
  refuseOwnId(data);
  return { appId: appIdOf(data), accessType: accessTypeOf(data) };
}
