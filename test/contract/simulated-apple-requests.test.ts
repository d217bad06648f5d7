import { describe, expect, test } from 'vitest';
import type { Resource } from '../../local/apple/documents.ts';
import {
  type AppleFixture,
  attribute,
  createFixture,
  resources,
  smallScenario,
} from './simulated-apple-fixture.ts';

const DAY = 86_400_000;

function at(fixture: AppleFixture, time: string): void {
  fixture.clock.setTo(Date.parse(time));
}

function processingDates(instances: readonly Resource[]): unknown[] {
  return instances.map((instance) => attribute(instance, 'processingDate')).sort();
}

async function remove(fixture: AppleFixture): Promise<number> {
  const path = `/v1/analyticsReportRequests/${await fixture.requestId()}`;
  return (await fixture.call('DELETE', path, await fixture.adminToken())).status;
}

async function isStopped(fixture: AppleFixture): Promise<unknown> {
  const { document } = await fixture.get(`/v1/apps/${fixture.appId}/analyticsReportRequests`);
  return attribute(resources(document)[0], 'stoppedDueToInactivity');
}

describe('making and deleting requests', () => {
  test('a second request of the same kind is 409 without the id of the first', async () => {
    const fixture = await createFixture({ apps: [{}] });
    const first = await fixture.create('ONGOING');
    const second = await fixture.create('ONGOING');
    expect(second.status).toBe(409);
    expect(second.document.errors?.[0]).toMatchObject({
      code: 'STATE_ERROR',
      detail: 'You already have such an entity',
    });
    expect(second.text).not.toContain(resources(first.document)[0]?.id);
    expect((await fixture.create('ONE_TIME_SNAPSHOT')).status).toBe(201);
  });

  test('a deleted request is gone with its reports and instances, and a new one has another id', async () => {
    const fixture = await createFixture(smallScenario());
    const [instance] = await fixture.instances('App Crashes');
    const oldId = await fixture.requestId();
    expect(await remove(fixture)).toBe(204);
    expect((await fixture.get(`/v1/analyticsReportRequests/${oldId}`)).status).toBe(404);
    expect((await fixture.get(`/v1/analyticsReportInstances/${instance?.id}/segments`)).status).toBe(404);
    expect((await fixture.create('ONGOING')).status).toBe(201);
    expect(await fixture.requestId()).not.toBe(oldId);
  });

  test.each([
    [
      'no data wrapper',
      '{\n  "type": "analyticsReportRequests"}',
      422,
      'ENTITY_UNPROCESSABLE',
      { meta: { position: { row: 2, column: 3 } } },
    ],
    ['no JSON', 'accessType=ONGOING', 422, 'ENTITY_UNPROCESSABLE', {}],
    [
      'another type',
      { type: 'apps' },
      409,
      'ENTITY_ERROR.ATTRIBUTE.TYPE',
      { source: { pointer: '/data/type' } },
    ],
    ['no app', { attributes: { accessType: 'ONGOING' } }, 409, 'ENTITY_ERROR.RELATIONSHIP.REQUIRED', {}],
    [
      'an unknown app',
      { app: '1', attributes: { accessType: 'ONGOING' } },
      409,
      'ENTITY_ERROR.RELATIONSHIP.INVALID',
      {},
    ],
    ['no access type', { app: '1476097583' }, 409, 'ENTITY_ERROR.ATTRIBUTE.REQUIRED', {}],
    [
      'an odd access type',
      { app: '1476097583', attributes: { accessType: 'DAILY' } },
      409,
      'ENTITY_ERROR.ATTRIBUTE.INVALID',
      {},
    ],
    [
      'a number as access type',
      { app: '1476097583', attributes: { accessType: 1 } },
      409,
      'ENTITY_ERROR.ATTRIBUTE.TYPE',
      {},
    ],
    [
      'an id of the client',
      { app: '1476097583', id: 'mine', attributes: { accessType: 'ONGOING' } },
      409,
      'ENTITY_ERROR.ATTRIBUTE.NOT_ALLOWED',
      { source: { pointer: '/data/id' } },
    ],
    [
      'an attribute nobody knows',
      { app: '1476097583', attributes: { state: 'x' } },
      409,
      'ENTITY_ERROR.ATTRIBUTE.UNKNOWN',
      {},
    ],
  ])('a body with %s is refused', async (_, given, status, code, further) => {
    const fixture = await createFixture({ apps: [{ id: '1476097583' }] });
    const { app, ...data } =
      typeof given === 'string' ? { app: undefined } : (given as Record<string, unknown>);
    const relationships =
      app === undefined ? {} : { relationships: { app: { data: { type: 'apps', id: app } } } };
    const document = { data: { type: 'analyticsReportRequests', ...data, ...relationships } };
    const body = typeof given === 'string' ? given : JSON.stringify(document);
    const answer = await fixture.call(
      'POST',
      '/v1/analyticsReportRequests',
      await fixture.adminToken(),
      body,
    );
    expect(answer.status).toBe(status);
    expect(answer.document.errors?.[0]).toMatchObject({ code, ...further });
    expect((await fixture.create('ONGOING')).status).toBe(201);
  });

  test.each([
    ['text/plain', 415],
    ['', 415],
    ['application/json; charset=utf-8', 201],
    ['application/vnd.api+json', 201],
  ])('a body of the type "%s" is answered with %d', async (contentType, status) => {
    const fixture = await createFixture({ apps: [{ id: '1476097583' }] });
    const app = { data: { type: 'apps', id: '1476097583' } };
    const data = {
      type: 'analyticsReportRequests',
      attributes: { accessType: 'ONGOING' },
      relationships: { app },
    };
    const body = JSON.stringify({ data });
    const path = '/v1/analyticsReportRequests';
    const answer = await fixture.call('POST', path, await fixture.adminToken(), body, contentType);
    expect(answer.status).toBe(status);
    if (status === 415) expect(answer.document.errors?.[0]?.code).toBe('UNSUPPORTED_MEDIA_TYPE');
    expect((await fixture.create('ONGOING')).status).toBe(status === 201 ? 409 : 201);
  });

  test('a second snapshot within a month is 409 even after the first was deleted', async () => {
    const fixture = await createFixture({ apps: [{}] });
    const [snapshot] = resources((await fixture.create('ONE_TIME_SNAPSHOT')).document);
    await fixture.call('DELETE', `/v1/analyticsReportRequests/${snapshot?.id}`, await fixture.adminToken());
    expect((await fixture.create('ONE_TIME_SNAPSHOT')).status).toBe(409);
    fixture.clock.setTo(fixture.clock.now() + 30 * DAY);
    expect((await fixture.create('ONE_TIME_SNAPSHOT')).status).toBe(201);
  });
});

describe('inactivity', () => {
  test('a request that nobody reads is stopped, blocks a new one, and can be replaced', async () => {
    const fixture = await createFixture({ apps: [{}], inactivityDays: 10 });
    await fixture.create('ONGOING');
    fixture.clock.setTo(fixture.clock.now() + 10 * DAY);
    expect(await isStopped(fixture)).toBe(true);
    expect((await fixture.create('ONGOING')).status).toBe(409);
    fixture.clock.setTo(fixture.clock.now() + 5 * DAY);
    expect(processingDates(await fixture.instances('App Opt In')).at(-1)).toBe('2026-06-13');
    expect(await remove(fixture)).toBe(204);
    expect((await fixture.create('ONGOING')).status).toBe(201);
    expect(await isStopped(fixture)).toBe(false);
  });

  test('reading instances keeps a request alive, looking at requests does not', async () => {
    const read = await createFixture({ apps: [{}], inactivityDays: 10 });
    await read.create('ONGOING');
    for (let count = 0; count < 3; count += 1) {
      read.clock.setTo(read.clock.now() + 9 * DAY);
      await read.instances('App Opt In');
    }
    expect(await isStopped(read)).toBe(false);
    const looked = await createFixture({ apps: [{}], inactivityDays: 10 });
    await looked.create('ONGOING');
    for (let count = 0; count < 2; count += 1) {
      looked.clock.setTo(looked.clock.now() + 9 * DAY);
      await isStopped(looked);
    }
    expect(await isStopped(looked)).toBe(true);
  });

  test('a test can stop a request at once', async () => {
    const fixture = await createFixture(smallScenario());
    fixture.apple.stopOngoingRequest(fixture.appId);
    expect(await isStopped(fixture)).toBe(true);
    expect(() => fixture.apple.stopOngoingRequest('1')).toThrow('app 1 has no ONGOING request');
  });
});

describe('the calendar of instances', () => {
  test('reports are listed at once, instances come 24 to 48 hours later at the publication hour', async () => {
    const fixture = await createFixture({ apps: [{}] }, '2026-11-01T10:00:00Z');
    await fixture.create('ONGOING');
    expect(await fixture.reportId('App Crashes')).not.toBe('');
    at(fixture, '2026-11-03T07:59:59Z');
    expect(await fixture.instances('App Crashes')).toEqual([]);
    at(fixture, '2026-11-03T08:00:00Z');
    expect(processingDates(await fixture.instances('App Crashes'))).toEqual(['2026-11-03']);
  });

  test('weekly instances appear on Fridays for the week before, monthly ones on the 5th for the month before', async () => {
    const fixture = await createFixture({ apps: [{}], inactivityDays: 60 }, '2026-11-01T10:00:00Z');
    await fixture.create('ONGOING');
    at(fixture, '2026-12-05T12:00:00Z');
    const report = 'App Store Discovery and Engagement Standard';
    const weekly = await fixture.instances(report, '&filter[granularity]=WEEKLY');
    expect(processingDates(weekly)).toEqual([
      '2026-11-06',
      '2026-11-13',
      '2026-11-20',
      '2026-11-27',
      '2026-12-04',
    ]);
    const first = weekly.find((instance) => attribute(instance, 'processingDate') === '2026-11-06');
    expect(new Set((await fixture.rows(first?.id ?? '')).map((row) => row.Date))).toEqual(
      new Set(['2026-10-26']),
    );
    const monthly = await fixture.instances(report, '&filter[granularity]=MONTHLY');
    expect(processingDates(monthly)).toEqual(['2026-11-05', '2026-12-05']);
    expect(await fixture.instances('App Downloads Standard', '&filter[granularity]=WEEKLY')).toEqual([]);
  });

  test('an instance holds the Dates of the completeness window, the oldest final', async () => {
    const fixture = await createFixture(smallScenario(5, { correctionRate: 0 }));
    const dates = async (report: string) => {
      const [instance] = await fixture.instances(
        report,
        '&filter[granularity]=DAILY&filter[processingDate]=2026-06-03',
      );
      return [
        ...new Set((await fixture.rows(instance?.id ?? '')).map((row) => row.Date ?? row['Install Day'])),
      ].sort();
    };
    expect(await dates('App Store Discovery and Engagement Standard')).toEqual([
      '2026-05-31',
      '2026-06-01',
      '2026-06-02',
    ]);
    expect(await dates('App Downloads Standard')).toEqual(['2026-06-01', '2026-06-02']);
    expect(await dates('App Crashes')).toHaveLength(5);
    expect(await dates('Platform App Installs')).toEqual(['2026-06-02']);
  });

  test('the list may be filtered by several processing dates, and its order is not the calendar', async () => {
    const fixture = await createFixture(smallScenario(30));
    const all = await fixture.instances('App Downloads Standard');
    const listed = all.map((instance) => String(attribute(instance, 'processingDate')));
    expect(listed).toHaveLength(29);
    expect(listed).not.toEqual([...listed].sort());
    const some = await fixture.instances(
      'App Downloads Standard',
      '&filter[processingDate]=2026-06-01,2026-06-02',
    );
    expect(processingDates(some)).toEqual(['2026-06-01', '2026-06-02']);
  });

  test('after 35 days an instance is gone, while the list still shows its id for a while', async () => {
    const fixture = await createFixture(smallScenario(50));
    const listed = await fixture.instances('App Downloads Standard');
    expect(processingDates(listed).slice(0, 2)).toEqual(['2026-04-29', '2026-04-30']);
    const ghost = listed.find((instance) => attribute(instance, 'processingDate') === '2026-04-29');
    const living = listed.find((instance) => attribute(instance, 'processingDate') === '2026-04-30');
    const gone = await fixture.get(`/v1/analyticsReportInstances/${ghost?.id}/segments`);
    expect(gone.status).toBe(404);
    expect(gone.document.errors?.[0]?.detail).toContain(`'analyticsReportInstances' with id '${ghost?.id}'`);
    expect(await fixture.segments(living?.id ?? '')).toHaveLength(1);
  });

  test('a snapshot has one delivery per granularity, reaching back over the history and frozen on the day of the request', async () => {
    const fixture = await createFixture({ apps: [{ segments: 3 }], snapshotHistoryDays: 90 });
    await fixture.create('ONE_TIME_SNAPSHOT');
    at(fixture, '2026-06-20T12:00:00Z');
    const report = 'App Store Discovery and Engagement Standard';
    const instances = await fixture.instances(report, '', 'ONE_TIME_SNAPSHOT');
    expect(instances.map((instance) => attribute(instance, 'granularity')).sort()).toEqual([
      'DAILY',
      'MONTHLY',
      'WEEKLY',
    ]);
    expect(new Set(processingDates(instances))).toEqual(new Set(['2026-06-05']));
    const rowsOf = async (granularity: string) => {
      const instance = instances.find((each) => attribute(each, 'granularity') === granularity);
      return [...new Set((await fixture.rows(instance?.id ?? '')).map((row) => row.Date ?? ''))].sort();
    };
    const daily = await rowsOf('DAILY');
    expect([daily[0], daily.at(-1), daily.length]).toEqual(['2026-03-05', '2026-06-02', 90]);
    expect(await rowsOf('MONTHLY')).toEqual(['2026-04-01', '2026-05-01']);
    expect((await rowsOf('WEEKLY')).at(-1)).toBe('2026-05-25');
    expect(await fixture.segments(instances[0]?.id ?? '')).toHaveLength(3);
  });

  test('reports without data stay empty, and Dates under five users are left out', async () => {
    const fixture = await createFixture({ ...smallScenario(5), gapRate: 1 });
    expect(await fixture.instances('App Clip Usage Standard')).toEqual([]);
    expect(await fixture.instances('App Crashes')).toEqual([]);
    expect(await fixture.instances('App Downloads Standard')).not.toEqual([]);
  });
});
