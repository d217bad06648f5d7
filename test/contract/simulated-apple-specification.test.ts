import { existsSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, test } from 'vitest';
import { ROUTES, type Route } from '../../local/apple/api-routes.ts';
import { type Answer, type AppleFixture, createFixture, resources } from './simulated-apple-fixture.ts';

const SPECIFICATION = new URL('../../../shared/reference/asc-openapi-analytics.json', import.meta.url);

interface OpenApiParameter {
  readonly name: string;
  readonly schema: { readonly maximum?: number; readonly items?: { readonly enum?: readonly string[] } };
}

interface OpenApiOperation {
  readonly parameters?: readonly OpenApiParameter[];
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}

/** Calls every operation once and gives back what it answered. */
async function answers(fixture: AppleFixture): Promise<{ route: Route; target: string; answer: Answer }[]> {
  const requestId = await fixture.requestId();
  const reportId = await fixture.reportId('App Downloads Standard');
  const [instance] = await fixture.instances('App Downloads Standard');
  const [segment] = await fixture.segments(instance?.id ?? '');
  const idOf = (path: string) => {
    if (path.startsWith('/v1/apps')) return fixture.appId;
    if (path.startsWith('/v1/analyticsReportRequests')) return requestId;
    if (path.startsWith('/v1/analyticsReports/')) return reportId;
    return path.startsWith('/v1/analyticsReportInstances') ? (instance?.id ?? '') : (segment?.id ?? '');
  };
  const all: { route: Route; target: string; answer: Answer }[] = [];
  // Deleting comes last: nothing could be read after it.
  const ordered = [...ROUTES].sort((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));
  for (const route of ordered) {
    const query = route.parameters['limit[reports]'] === undefined ? '' : '?include=reports&limit[reports]=5';
    const target = route.path.replace('{id}', idOf(route.path)) + query;
    const answer =
      route.method === 'POST'
        ? await fixture.create('ONE_TIME_SNAPSHOT')
        : await fixture.call(route.method, target, await fixture.adminToken());
    all.push({ route, target, answer });
  }
  return all;
}

const newFixture = () =>
  createFixture({ apps: [{ requests: [{ accessType: 'ONGOING', createdDaysAgo: 5 }] }] });

describe('operations', () => {
  test('each one succeeds in a world that has what it asks for', async () => {
    const statuses = (await answers(await newFixture())).map(
      ({ route, answer }) => `${route.name} ${answer.status}`,
    );
    const expected = ROUTES.map(
      ({ name, method }) => `${name} ${method === 'POST' ? 201 : method === 'DELETE' ? 204 : 200}`,
    );
    expect(statuses.sort()).toEqual(expected.sort());
  });
});

function loadSpecification(): OpenApi {
  return JSON.parse(readFileSync(SPECIFICATION, 'utf8')) as OpenApi;
}

function responseSchema(specification: OpenApi, route: Route, status: number): object {
  const operation = specification.paths[route.path]?.[route.method.toLowerCase()];
  const schema = operation?.responses[String(status)]?.content?.['application/json']?.schema;
  if (schema === undefined)
    throw new Error(`${route.method} ${route.path} has no JSON answer with status ${status}`);
  return schema;
}

function describeAgainstSpecification(specification: OpenApi): void {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.addSchema(specification, 'specification');
  const validatorOf = (schema: object): ValidateFunction =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"specification#/')) as object);
  const isAnalytics = ({ path }: Route) => specification.paths[path] !== undefined;

  describe('against the specification', () => {
    test('every analytics answer has the documented shape', async () => {
      for (const { route, answer } of (await answers(await newFixture())).filter((each) =>
        isAnalytics(each.route),
      )) {
        if (answer.status === 204) continue;
        const validate = validatorOf(responseSchema(specification, route, answer.status));
        expect(validate(answer.document), `${route.name}: ${ajv.errorsText(validate.errors)}`).toBe(true);
      }
    });

    test('a document with a wrong attribute type is noticed', async () => {
      const fixture = await newFixture();
      const route = ROUTES.find(({ name }) => name === 'list-segments');
      const listed = (await answers(fixture)).find((each) => each.route === route);
      if (route === undefined || listed === undefined) throw new Error('segments were not listed');
      const wrong = structuredClone(listed.answer.document);
      Object.assign(resources(wrong)[0]?.attributes ?? {}, { sizeInBytes: 'many' });
      expect(validatorOf(responseSchema(specification, route, 200))(wrong)).toBe(false);
    });

    test('every refusal has the documented error shape', async () => {
      const fixture = await newFixture();
      const validate = validatorOf({ $ref: '#/components/schemas/ErrorResponse' });
      for (const target of ['/v1/apps?limit=0', '/v1/nothing', '/v1/apps/1', '/v1/analyticsReportRequests']) {
        const { document } = await fixture.get(target);
        expect(document.errors).toHaveLength(1);
        expect(validate(document), `${target}: ${ajv.errorsText(validate.errors)}`).toBe(true);
      }
    });

    test('parameters, their values and their limits are exactly the documented ones, and cursor', () => {
      for (const route of ROUTES.filter(isAnalytics)) {
        const documented = specification.paths[route.path]?.[route.method.toLowerCase()]?.parameters ?? [];
        const ours = Object.entries(route.parameters).filter(([name]) => name !== 'cursor');
        expect(ours.map(([name]) => name).sort(), route.name).toEqual(
          documented.map(({ name }) => name).sort(),
        );
        for (const { name, schema } of documented) {
          const rule = route.parameters[name];
          if (rule?.kind === 'limit') expect(rule.maximum, `${route.name} ${name}`).toBe(schema.maximum);
          if (rule?.kind === 'enum')
            expect([...rule.values].sort(), `${route.name} ${name}`).toEqual(
              [...(schema.items?.enum ?? [])].sort(),
            );
        }
      }
    });

    test('every analytics operation of the specification is there', () => {
      const documented = Object.entries(specification.paths)
        .filter(([path]) => /analytics/i.test(path))
        .flatMap(([path, operations]) =>
          Object.keys(operations)
            .filter((method) => method !== 'parameters')
            .map((method) => `${method.toUpperCase()} ${path}`),
        );
      const ours = ROUTES.filter(isAnalytics).map(({ method, path }) => `${method} ${path}`);
      expect(ours.sort()).toEqual(documented.sort());
    });
  });
}

if (existsSync(SPECIFICATION)) describeAgainstSpecification(loadSpecification());
else console.info("the specification's copy is not here: answers were not compared with it");
