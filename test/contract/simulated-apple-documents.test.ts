import { describe, expect, test } from 'vitest';
import { attribute, createFixture, resources, smallScenario } from './simulated-apple-fixture.ts';

const ORIGIN = 'https://api.appstoreconnect.apple.com';
const manyApps = {
  apps: Array.from({ length: 60 }, (_, index) => ({ name: `App ${String(index).padStart(2, '0')}` })),
};

describe('documents', () => {
  test('are printed with two spaces and a space before the colon, without a charset', async () => {
    const fixture = await createFixture({ apps: [{ name: 'He said "hi": twice' }] });
    const answer = await fixture.get('/v1/apps');
    expect(answer.text.startsWith('{\n  "data" : [\n    {\n      "type" : "apps",')).toBe(true);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(attribute(resources(answer.document)[0], 'name')).toBe('He said "hi": twice');
  });

  test('an app has the attributes that typed clients require, unset ones as null', async () => {
    const fixture = await createFixture(smallScenario());
    const [app] = resources((await fixture.get('/v1/apps')).document);
    expect(app).toMatchObject({
      type: 'apps',
      id: '1476097583',
      attributes: {
        name: 'Field Notes',
        bundleId: 'com.example.app1',
        sku: 'SKU001',
        primaryLocale: 'en-US',
        isOrEverWasMadeForKids: false,
        subscriptionStatusUrl: null,
        contentRightsDeclaration: null,
      },
      links: { self: `${ORIGIN}/v1/apps/1476097583` },
    });
  });

  test('a new request has the shape of the example, its self link being the collection', async () => {
    const fixture = await createFixture({ apps: [{}] });
    const { status, document } = await fixture.create('ONGOING');
    const [request] = resources(document);
    const self = `${ORIGIN}/v1/analyticsReportRequests/${request?.id}`;
    expect(status).toBe(201);
    expect(document).toEqual({
      data: {
        type: 'analyticsReportRequests',
        id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
        attributes: { accessType: 'ONGOING', stoppedDueToInactivity: false },
        relationships: {
          reports: { links: { self: `${self}/relationships/reports`, related: `${self}/reports` } },
        },
        links: { self },
      },
      links: { self: `${ORIGIN}/v1/analyticsReportRequests` },
    });
  });

  test('include=reports adds linkage and reports, as many as limit[reports] allows', async () => {
    const fixture = await createFixture(smallScenario());
    const path = `/v1/apps/${fixture.appId}/analyticsReportRequests`;
    const { document } = await fixture.get(
      `${path}?include=reports&limit[reports]=3&fields[analyticsReports]=name`,
    );
    const relationships = resources(document)[0]?.relationships as {
      reports: { data: unknown[]; meta: unknown };
    };
    expect(relationships.reports.meta).toEqual({ paging: { total: 134, limit: 3 } });
    expect(relationships.reports.data).toEqual(document.included?.map(({ type, id }) => ({ type, id })));
    expect(document.included?.[0]?.attributes).toEqual({
      name: 'App Store Discovery and Engagement Detailed',
    });
    expect(document.included?.[0]).not.toHaveProperty('relationships');
  });

  test('fields leave out what they do not name', async () => {
    const fixture = await createFixture(smallScenario());
    const [request] = resources(
      (
        await fixture.get(
          `/v1/analyticsReportRequests/${await fixture.requestId()}?fields[analyticsReportRequests]=accessType`,
        )
      ).document,
    );
    expect(request?.attributes).toEqual({ accessType: 'ONGOING' });
    expect(request).not.toHaveProperty('relationships');
  });

  test('report ids are no UUIDs, and filters take lists', async () => {
    const fixture = await createFixture(smallScenario());
    const requestId = await fixture.requestId();
    const names = ['App Downloads Standard', 'App Crashes'];
    const path = `/v1/analyticsReportRequests/${requestId}/reports`;
    const { document } = await fixture.get(`${path}?filter%5Bname%5D=${encodeURIComponent(names.join(','))}`);
    expect(
      resources(document)
        .map((report) => attribute(report, 'name'))
        .sort(),
    ).toEqual([...names].sort());
    expect(resources(document).map(({ id }) => id)).toContain(`r3-${requestId}`);
    const commerce = await fixture.get(`${path}?filter[category]=COMMERCE&limit=200`);
    expect(commerce.document.meta?.paging).toEqual({ total: 10, limit: 200 });
  });

  test('linkages hold types and ids only', async () => {
    const fixture = await createFixture(smallScenario());
    const requestId = await fixture.requestId();
    const reportId = await fixture.reportId('App Crashes');
    const [instance] = await fixture.instances('App Crashes');
    const linkages = [
      [
        `/v1/apps/${fixture.appId}/relationships/analyticsReportRequests`,
        { type: 'analyticsReportRequests', id: requestId },
      ],
      [
        `/v1/analyticsReports/${reportId}/relationships/instances`,
        { type: 'analyticsReportInstances', id: instance?.id },
      ],
    ] as const;
    for (const [path, first] of linkages)
      expect(resources((await fixture.get(path)).document)).toContainEqual(first);
    const segments = await fixture.get(`/v1/analyticsReportInstances/${instance?.id}/relationships/segments`);
    expect(Object.keys(resources(segments.document)[0] ?? {})).toEqual(['type', 'id']);
    expect(
      (await fixture.get(`/v1/analyticsReportRequests/${requestId}/relationships/reports`)).document.meta
        ?.paging.total,
    ).toBe(134);
  });

  test('every kind of resource can be read by itself, a segment with a fresh url', async () => {
    const fixture = await createFixture(smallScenario());
    const [instance] = await fixture.instances('App Crashes');
    const [segment] = await fixture.segments(instance?.id ?? '');
    const read = await fixture.get(`/v1/analyticsReportSegments/${segment?.id}`);
    expect(attribute(resources(read.document)[0], 'checksum')).toBe(attribute(segment, 'checksum'));
    expect(attribute(resources(read.document)[0], 'url')).not.toBe(attribute(segment, 'url'));
    for (const path of [
      instance?.links?.self,
      `/v1/analyticsReports/${await fixture.reportId('App Crashes')}`,
      '/v1/apps/1476097583',
    ])
      expect((await fixture.get(path ?? '')).status).toBe(200);
  });

  test('fields[apps] takes every field that Apple documents and gives those that there are', async () => {
    const fixture = await createFixture(smallScenario());
    const fields = 'fields[apps]=name,analyticsReportRequests,appStoreIcon,androidToIosAppMappingDetails';
    for (const path of ['/v1/apps', '/v1/apps/1476097583']) {
      const [app] = resources((await fixture.get(`${path}?${fields}`)).document);
      expect(app?.attributes).toEqual({ name: 'Field Notes' });
      expect(Object.keys(app?.relationships ?? {})).toEqual(['analyticsReportRequests']);
    }
  });

  test('an empty list has only a self link and total 0', async () => {
    const fixture = await createFixture(smallScenario());
    const reportId = await fixture.reportId('VisionKit Sessions');
    const { document } = await fixture.get(
      `/v1/analyticsReports/${reportId}/instances?filter[granularity]=DAILY`,
    );
    expect(document).toEqual({
      data: [],
      links: { self: `${ORIGIN}/v1/analyticsReports/${reportId}/instances?filter%5Bgranularity%5D=DAILY` },
      meta: { paging: { total: 0, limit: 50 } },
    });
  });
});

describe('paging', () => {
  test('pages have 50 entries unless told, and links.next leads through all of them once', async () => {
    const fixture = await createFixture(manyApps);
    const first = await fixture.get('/v1/apps');
    expect(resources(first.document)).toHaveLength(50);
    expect(first.document.meta?.paging).toEqual({ total: 60, limit: 50, nextCursor: expect.any(String) });
    expect(first.document.links.next?.startsWith(`${ORIGIN}/v1/apps?cursor=`)).toBe(true);
    const names = (await fixture.all('/v1/apps?limit=7')).map((app) => attribute(app, 'name'));
    expect(new Set(names).size).toBe(60);
  });

  test('a cursor leads on in its own list and is refused in every other one', async () => {
    const fixture = await createFixture(smallScenario());
    const requestPath = `/v1/analyticsReportRequests/${await fixture.requestId()}`;
    const { document } = await fixture.get(`${requestPath}/reports?limit=20`);
    const cursor = document.meta?.paging.nextCursor;
    const second = await fixture.get(`${requestPath}/reports?limit=20&cursor=${cursor}`);
    expect(resources(second.document)).toHaveLength(20);
    expect(resources(second.document)[0]?.id).not.toBe(resources(document)[0]?.id);
    for (const other of [`${requestPath}/relationships/reports`, '/v1/apps']) {
      const answer = await fixture.get(`${other}?cursor=${cursor}`);
      expect(answer.status).toBe(400);
      expect(answer.document.errors?.[0]).toMatchObject({
        code: 'PARAMETER_ERROR.INVALID',
        source: { parameter: 'cursor' },
      });
    }
  });

  test('apps are sorted by each expression in turn', async () => {
    const apps = ['b', 'a', 'b'].map((name, index) => ({ name, bundleId: `com.example.app${index}` }));
    const fixture = await createFixture({ apps });
    const { document } = await fixture.get('/v1/apps?sort=name,-bundleId');
    expect(resources(document).map((app) => attribute(app, 'bundleId'))).toEqual([
      'com.example.app1',
      'com.example.app2',
      'com.example.app0',
    ]);
  });

  test('apps can be filtered and sorted', async () => {
    const fixture = await createFixture(manyApps);
    const byBundle = await fixture.get('/v1/apps?filter[bundleId]=com.example.app3,com.example.app4');
    expect(resources(byBundle.document).map((app) => attribute(app, 'sku'))).toEqual(['SKU003', 'SKU004']);
    const sorted = await fixture.get('/v1/apps?sort=-name&limit=1');
    expect(attribute(resources(sorted.document)[0], 'name')).toBe('App 59');
  });
});

describe('refusals', () => {
  const REFUSALS = [
    ['/v1/apps?limit=201', 400, 'PARAMETER_ERROR.INVALID', 'limit'],
    ['/v1/apps?limit=0', 400, 'PARAMETER_ERROR.INVALID', 'limit'],
    ['/v1/apps?cursor=nonsense', 400, 'PARAMETER_ERROR.INVALID', 'cursor'],
    ['/v1/apps?fields[apps]=nope', 400, 'PARAMETER_ERROR.INVALID', 'fields[apps]'],
    ['/v1/apps/1476097583?fields[apps]=name,nope', 400, 'PARAMETER_ERROR.INVALID', 'fields[apps]'],
    ['/v1/apps?fields[nope]=name', 400, 'PARAMETER_ERROR.ILLEGAL', 'fields[nope]'],
    ['/v1/apps?include=appInfos', 501, 'NOT_SIMULATED', 'include'],
    ['/v1/apps/1476097583?include=appInfos', 501, 'NOT_SIMULATED', 'include'],
    ['/v1/apps?limit[builds]=5', 501, 'NOT_SIMULATED', 'limit[builds]'],
    ['/v1/apps?fields[builds]=version', 501, 'NOT_SIMULATED', 'fields[builds]'],
    [
      '/v1/apps?filter[appStoreVersions.platform]=IOS',
      501,
      'NOT_SIMULATED',
      'filter[appStoreVersions.platform]',
    ],
    [
      '/v1/apps?exists[gameCenterEnabledVersions]=true',
      501,
      'NOT_SIMULATED',
      'exists[gameCenterEnabledVersions]',
    ],
    ['/v1/apps/1476097583?sort=name', 400, 'PARAMETER_ERROR.ILLEGAL', 'sort'],
    ['/v1/apps?offset=50', 400, 'PARAMETER_ERROR.ILLEGAL', 'offset'],
    [
      'REQUEST?fields[analyticsReportRequests]=state',
      400,
      'PARAMETER_ERROR.INVALID',
      'fields[analyticsReportRequests]',
    ],
    [
      'REQUEST/reports?filter[category]=APP_STORE_COMMERCE',
      400,
      'PARAMETER_ERROR.INVALID',
      'filter[category]',
    ],
    ['REQUEST/reports?filter[category]=', 400, 'PARAMETER_ERROR.INVALID', 'filter[category]'],
    ['REPORT/instances?sort=processingDate', 400, 'PARAMETER_ERROR.ILLEGAL', 'sort'],
    ['REPORT/instances?filter[granularity]=HOURLY', 400, 'PARAMETER_ERROR.INVALID', 'filter[granularity]'],
    [
      'REPORT/instances?filter[processingDate]=2026-02-30',
      400,
      'PARAMETER_ERROR.INVALID',
      'filter[processingDate]',
    ],
    ['REQUEST?limit[reports]=51', 400, 'PARAMETER_ERROR.INVALID', 'limit[reports]'],
  ] as const;

  test.each(REFUSALS)('%s is refused with %d %s', async (path, status, code, parameter) => {
    const fixture = await createFixture(smallScenario());
    const target = path
      .replace('REQUEST', `/v1/analyticsReportRequests/${await fixture.requestId()}`)
      .replace('REPORT/', `/v1/analyticsReports/${await fixture.reportId('App Crashes')}/`);
    const answer = await fixture.get(target);
    expect(answer.status).toBe(status);
    expect(answer.document.errors?.[0]).toMatchObject({ code, source: { parameter } });
  });

  test.each([
    ['GET', '/v1/analyticsReportRequests', 403, "'GET_COLLECTION'"],
    ['GET', '/v1/agreements', 404, 'does not match a defined resource type'],
    ['GET', '/v1/analyticsReports/r1-x/segments', 404, "'segments'"],
    ['GET', '/v1/analyticsReports/r1-x', 404, "'analyticsReports' with id 'r1-x'"],
    ['GET', '/v1/apps/1', 404, "'apps' with id '1'"],
    ['PATCH', '/v1/apps/1', 405, "'PATCH'"],
    ['DELETE', '/v1/analyticsReportInstances/1', 405, "'DELETE'"],
  ])('%s %s is refused with %d', async (method, path, status, detail) => {
    const fixture = await createFixture(smallScenario());
    const answer = await fixture.call(method, path, await fixture.adminToken());
    expect(answer.status).toBe(status);
    expect(answer.document.errors?.[0]?.detail).toContain(detail);
    expect(answer.document.errors?.[0]?.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('every answer of the application carries the headers that support asks for', async () => {
    const fixture = await createFixture(smallScenario());
    for (const path of ['/v1/apps', '/v1/nothing', '/v1/apps?limit=0']) {
      const { headers } = await fixture.get(path);
      expect(headers['x-rate-limit']).toMatch(/^user-hour-lim:3600;user-hour-rem:\d+;$/);
      expect(headers['x-apple-jingle-correlation-key']).toMatch(/^[A-Z2-7]{26}$/);
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});
