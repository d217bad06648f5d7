/** One entry of `errors[]` as App Store Connect writes it; `id` is added where Apple has one. */
export interface AppleErrorEntry {
  readonly status: string;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly source?: { readonly pointer: string } | { readonly parameter: string };
  readonly links?: Readonly<Record<string, string>>;
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Who writes the error's `id`: the application (a UUID), the edge (26 characters), or nobody. */
export type ErrorIdStyle = 'uuid' | 'edge' | 'none';

/** Simulated App Store Connect refuses a call: becomes an `errors[]` document, not a crash. */
export class AppleRefusal extends Error {
  override readonly name = 'AppleRefusal';
  readonly status: number;
  readonly entry: AppleErrorEntry;
  readonly idStyle: ErrorIdStyle;

  constructor(entry: AppleErrorEntry, idStyle: ErrorIdStyle = 'uuid') {
    super(`${entry.status} ${entry.code}: ${entry.detail}`);
    this.status = Number(entry.status);
    this.entry = entry;
    this.idStyle = idStyle;
  }
}

const FORBIDDEN_TITLE = 'This request is forbidden for security reasons';
const NOT_FOUND_TITLE = 'The specified resource does not exist';
const BAD_ATTRIBUTE_TITLE = 'The provided entity includes an attribute with an invalid value';

/** 401: no token, a wrong one, an expired one, a revoked key. */
export function notAuthorized(): AppleRefusal {
  return new AppleRefusal(
    {
      status: '401',
      code: 'NOT_AUTHORIZED',
      title: 'Authentication credentials are missing or invalid.',
      detail:
        'Provide a properly configured and signed bearer token, and make sure that it has not expired. Learn more about Generating Tokens for API Requests https://developer.apple.com/go/?id=api-generating-tokens',
    },
    'none',
  );
}

/** 403: the key's role (or a token's scope) lacks the call. */
export function roleForbidden(): AppleRefusal {
  return new AppleRefusal({
    status: '403',
    code: 'FORBIDDEN_ERROR',
    title: FORBIDDEN_TITLE,
    detail: 'The API key in use does not allow this request',
  });
}

/** 403: a resource lacks an operation, for example listing all report requests. */
export function operationForbidden(resource: string, operation: string, allowed: string): AppleRefusal {
  return new AppleRefusal({
    status: '403',
    code: 'FORBIDDEN_ERROR',
    title: FORBIDDEN_TITLE,
    detail: `The resource '${resource}' does not allow '${operation}'. Allowed operations are: ${allowed}`,
  });
}

/** 403: an agreement is unsigned or has run out; hits the whole account. */
export function agreementMissing(): AppleRefusal {
  return new AppleRefusal(
    {
      status: '403',
      code: 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED',
      title: 'A required agreement is missing or has expired.',
      detail: 'This request requires an in-effect agreement that has not been signed or has expired.',
      links: { see: '/business' },
    },
    'edge',
  );
}

/** 403: the state of the Program License Agreement. */
export function programLicenseInvalid(): AppleRefusal {
  return new AppleRefusal({
    status: '403',
    code: 'FORBIDDEN_ERROR.PLA_NOT_VALID',
    title: 'Operation is forbidden because of PLA status.',
    detail: '',
  });
}

/** 404: no such resource, or one that has expired. */
export function resourceNotFound(type: string, id: string): AppleRefusal {
  return new AppleRefusal({
    status: '404',
    code: 'NOT_FOUND',
    title: NOT_FOUND_TITLE,
    detail: `There is no resource of type '${type}' with id '${id}'`,
  });
}

/** 404: a path outside the API. */
export function pathNotFound(): AppleRefusal {
  return new AppleRefusal({
    status: '404',
    code: 'NOT_FOUND',
    title: NOT_FOUND_TITLE,
    detail: 'The path provided does not match a defined resource type.',
  });
}

/** 404: a resource type without that relationship. */
export function relationshipNotFound(type: string, relationship: string): AppleRefusal {
  return new AppleRefusal({
    status: '404',
    code: 'NOT_FOUND',
    title: NOT_FOUND_TITLE,
    detail: `The relationship '${relationship}' does not exist on the resource type '${type}'`,
  });
}

/** 405: a wrong verb, or a scoped token on anything but GET. */
export function methodNotAllowed(method: string): AppleRefusal {
  return new AppleRefusal({
    status: '405',
    code: 'METHOD_NOT_ALLOWED',
    title: 'The request method is not valid for the resource path.',
    detail: `The request method '${method}' is not valid for the resource path.`,
  });
}

/** 400: a parameter that the operation lacks. */
export function parameterIllegal(parameter: string): AppleRefusal {
  return new AppleRefusal({
    status: '400',
    code: 'PARAMETER_ERROR.ILLEGAL',
    title: 'A parameter is not allowed',
    detail: `The parameter '${parameter}' can not be used with this request`,
    source: { parameter },
  });
}

/** 400: a parameter with a value that it may not have. */
export function parameterInvalid(parameter: string, detail: string): AppleRefusal {
  return new AppleRefusal({
    status: '400',
    code: 'PARAMETER_ERROR.INVALID',
    title: 'A parameter has an invalid value',
    detail,
    source: { parameter },
  });
}

/**
 * 501, which Apple never answers: the parameter is Apple's own, but nothing here could honour it. Not a
 * refusal that a client would meet at Apple, and worded so.
 */
export function parameterNotSimulated(parameter: string): AppleRefusal {
  return new AppleRefusal({
    status: '501',
    code: 'NOT_SIMULATED',
    title: 'Simulated App Store Connect does not know this parameter',
    detail: `App Store Connect has the parameter '${parameter}' for this request; its simulation has not`,
    source: { parameter },
  });
}

/** 415: a body that is not announced as JSON. */
export function unsupportedMediaType(contentType: string | undefined): AppleRefusal {
  return new AppleRefusal({
    status: '415',
    code: 'UNSUPPORTED_MEDIA_TYPE',
    title: 'The media type of the request entity is not supported',
    detail: `The Content-Type of the request entity must be 'application/json', not '${contentType ?? ''}'`,
  });
}

/** 409: the request cannot be made in the present state; the existing entity's id is not told. */
export function stateError(detail = 'You already have such an entity'): AppleRefusal {
  return new AppleRefusal({
    status: '409',
    code: 'STATE_ERROR',
    title: 'The request cannot be fulfilled because of the state of another resource.',
    detail,
  });
}

/** 409 for a duplicate with the other code that has been reported for it. */
export function entityErrorForDuplicate(): AppleRefusal {
  return new AppleRefusal({
    status: '409',
    code: 'ENTITY_ERROR',
    title: 'There is a problem with the request entity',
    detail: 'You already have such an entity',
  });
}

/** 409: a value in the body that may not stand there. */
export function entityError(code: string, pointer: string, detail: string): AppleRefusal {
  return new AppleRefusal({
    status: '409',
    code: `ENTITY_ERROR.${code}`,
    title: BAD_ATTRIBUTE_TITLE,
    detail,
    source: { pointer },
  });
}

/** 422: the body is no request document. Row and column say where. */
export function entityUnprocessable(at: string, position: { row: number; column: number }): AppleRefusal {
  return new AppleRefusal({
    status: '422',
    code: 'ENTITY_UNPROCESSABLE',
    title: 'The request entity is not a valid request document object',
    detail: `Unexpected or invalid value at '${at}'.`,
    meta: { position },
  });
}

/** 429: the hourly budget or the burst limit is spent. */
export function rateLimitExceeded(): AppleRefusal {
  return new AppleRefusal({
    status: '429',
    code: 'RATE_LIMIT_EXCEEDED',
    title: 'The request rate limit has been reached.',
    detail:
      "We've received too many requests for this API. Please wait and try again or slow down your request rate.",
  });
}

/** 500. */
export function unexpectedError(): AppleRefusal {
  return new AppleRefusal({
    status: '500',
    code: 'UNEXPECTED_ERROR',
    title: 'An unexpected error occurred.',
    detail:
      'An unexpected error occurred on the server side. If this issue continues, contact us at https://developer.apple.com/contact/.',
  });
}
