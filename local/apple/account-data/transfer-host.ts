import { empty } from './answers.ts';
import type { CallSubject } from './calls.ts';
import type { Consents, Person } from './consents.ts';
import type { Call, CarriedOut, HostBehaviour } from './host.ts';
import type { AccountDataWorld, Service } from './scenario.ts';
import { mayCall } from './scopes.ts';
import { REFUSED, type TransferParts } from './transfer-call.ts';
import { TRANSFER_OPERATIONS } from './transfer-operations.ts';
import { matchRoute, type TransferRoute } from './transfer-routes.ts';
import type { Violations } from './violations.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A JSON body whose fields are texts. */
type JsonBody = Readonly<Record<string, unknown>>;

/** What a transfer host is made of. */
export interface TransferHostParts extends TransferParts {
  readonly consents: Consents;
  readonly violations: Violations;
  readonly world: AccountDataWorld;
  /** Of all hosts: an id counts as repeated wherever it was used before. */
  readonly transactionIds: Set<string>;
}

function bearerOf({ request }: Pick<Call, 'request'>): string | undefined {
  return /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
}

function parsed(body: Buffer): JsonBody | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonBody)
      : undefined;
  } catch {
    return undefined;
  }
}

function subjectOf(
  route: TransferRoute | undefined,
  body: Buffer,
  person: Person | undefined,
  transactionId: string | undefined,
): CallSubject {
  const named = { ...parsed(body), ...route };
  return {
    ...(person === undefined ? {} : { externalId: person.externalId }),
    ...(typeof named.requestId === 'string' ? { requestId: named.requestId } : {}),
    ...(typeof named.parentRequestId === 'string' ? { parentRequestId: named.parentRequestId } : {}),
    ...(transactionId === undefined ? {} : { transactionId }),
  };
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  submit: ['mode'],
  resubmit: ['parentRequestId', 'requestId'],
  cancel: ['requestId'],
};

/** The host of one of the two services: authentication, transaction ids, scopes, then the operation. */
export function transferHost(service: Service, parts: TransferHostParts): HostBehaviour {
  const { consents, violations, world, transactionIds } = parts;

  /** What is wrong with the transaction id; notes the id. */
  function transactionProblem({ request, subject }: Call): boolean {
    const id = request.headers['x-apple-transaction-id'];
    if (id === undefined || !UUID.test(id)) {
      violations.add('missing-transaction-id', 'X-Apple-Transaction-Id is missing or no UUID', subject);
      return true;
    }
    const isRepeated = transactionIds.has(id.toUpperCase());
    transactionIds.add(id.toUpperCase());
    if (isRepeated) violations.add('repeated-transaction-id', `X-Apple-Transaction-Id ${id}`, subject);
    return isRepeated && world.variants.strictTransactionIds;
  }

  function isForbidden(person: Person, subject: CallSubject): boolean {
    if (person.scenario.service !== service) {
      violations.add('wrong-service', `a token for ${person.scenario.service} on ${service}`, subject);
      return true;
    }
    return !mayCall(person.scopes, person.scenario.region, service);
  }

  /** The body of a POST; `undefined` when it cannot be accepted. */
  function bodyOf({ request, body, operation, subject }: Call): JsonBody | undefined {
    if (request.method !== 'POST') return {};
    const contentType = request.headers['content-type'] ?? '';
    if (!/^application\/json\s*(;|$)/.test(contentType)) {
      violations.add('wrong-content-type', `a body of type '${contentType}'`, subject);
      return undefined;
    }
    const fields = FIELDS[operation ?? ''] ?? [];
    const document = parsed(body);
    const unknown = Object.keys(document ?? {}).filter((name) => !fields.includes(name));
    if (unknown.length > 0) violations.add('unknown-field', unknown.join(', '), subject);
    const missing = fields.filter((name) => typeof document?.[name] !== 'string');
    if (missing.length === 0) return document;
    violations.add('missing-field', missing.join(', '), subject);
    return undefined;
  }

  async function carryOut(call: Call): Promise<CarriedOut> {
    const { request, url, subject } = call;
    const route = matchRoute(service, request.method, url.pathname);
    if (route === undefined) {
      violations.add('unknown-path', `${request.method} ${url.pathname}`, subject);
      return { answer: empty(404) };
    }
    const person = consents.useAccessToken(bearerOf(call) ?? '');
    if (person === undefined) return { answer: empty(401) };
    if (transactionProblem(call)) return REFUSED;
    if (isForbidden(person, subject)) return { answer: empty(403) };
    const body = bodyOf(call);
    if (body === undefined) return REFUSED;
    return TRANSFER_OPERATIONS[route.operation](parts, {
      person,
      service,
      subject,
      ids: { ...body, ...route },
    });
  }

  return {
    name: service === 'account-data' ? 'accountDataTransfer' : 'appDataTransfer',
    describe({ request, url, body }) {
      const route = matchRoute(service, request.method, url.pathname);
      const person = consents.ownerOfToken(bearerOf({ request }) ?? '');
      const transactionId = request.headers['x-apple-transaction-id'];
      return { operation: route?.operation, subject: subjectOf(route, body, person, transactionId) };
    },
    carryOut,
    endToken: (call) => consents.endAccessToken(bearerOf(call) ?? ''),
  };
}
