import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deliveryKey, type InstanceIdentity, manifestKey } from '../../lambdas/lib/lake/keys.ts';
import { addDays } from '../../lambdas/lib/runtime/clock.ts';
import { closeWorldsAfterEach, outcomeOf, recordsOf, startCuratingWorld } from '../support/bad-input.ts';
import type { InProcessWorld } from '../support/in-process-world.ts';

closeWorldsAfterEach();

/** Reports whose daily and weekly instances of one Friday are 30 with 90 Dates. */
const THIRTY_ON_FRIDAYS = [
  'App Sessions Standard',
  'App Sessions Detailed',
  'App Store Installation and Deletion Standard',
  'App Store Installation and Deletion Detailed',
  'App Crashes',
  'App Clip Usage Standard',
  'App Clip Usage Detailed',
  'App Store Retention Messaging',
  'App Store Subscription State Standard',
  'App Store Subscription State Detailed',
  'App Store Subscription Event Standard',
  'App Opt In',
  'App Store Discovery and Engagement Standard',
  'App Store Discovery and Engagement Detailed',
  'App Store Web Preview Engagement Standard',
  'App Store Web Preview Engagement Detailed',
  'App Sessions Context',
  'App Crashes Expanded',
  'Platform App Installs',
];

/** Fills ledger and deliveries as 35 days of daily runs do, so that a LIST has as many pages as it has then. */
async function plantHistory(world: InProcessWorld, appId: string, before: string): Promise<void> {
  for (let day = 1; day <= 33; day += 1) {
    for (let report = 0; report < 32; report += 1) {
      const instance: InstanceIdentity = {
        appId,
        reportSlug: 'app-downloads-standard',
        granularity: 'DAILY',
        access: 'ONGOING',
        processingDate: addDays(before, -day),
        instanceId: `planted-${report}`,
      };
      for (const key of [manifestKey(instance), deliveryKey(instance)]) {
        const file = join(world.directory, 'analytics', key);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, '{}\n');
      }
    }
  }
}

/** How many calls to S3 a run made, by method and first part of the key. */
function requestsByKind(world: InProcessWorld): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, what } of world.calls) {
    if (kind !== 's3') continue;
    const [method, path = ''] = what.split(' ');
    const name = `${method} ${path.split('/')[2] ?? ''}`.trim();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('the requests to S3', () => {
  it('are at most 320 for a day of an app with 30 new instances of 3 Dates each, after weeks of runs', {
    timeout: 240_000,
  }, async () => {
    const world = await startCuratingWorld({
      startAt: '2026-06-04T12:00:00Z',
      scenario: {
        catalog: THIRTY_ON_FRIDAYS,
        correctionRate: 0,
        apps: [
          {
            // Increments leave Dates out of which they have few rows.
            reports: THIRTY_ON_FRIDAYS.map((name) => ({
              name,
              rowsPerDate: /Context|Expanded/.test(name) ? 120 : 12,
            })),
            requests: [{ accessType: 'ONGOING', createdDaysAgo: 3 }],
          },
        ],
      },
      account: { reports: THIRTY_ON_FRIDAYS, granularities: ['DAILY', 'WEEKLY'] },
    });
    outcomeOf(await world.startExecution('thursday'));
    await plantHistory(world, world.apple.apps[0]?.id ?? '', '2026-06-02');
    await world.advanceTo('2026-06-05T12:00:00Z');

    const outcome = outcomeOf(await world.startExecution('friday'));

    expect(outcome).toMatchObject({ instances: { landed: 30 }, curation: { deliveries: 30, failed: 0 } });
    const deliveries = (await recordsOf(world, 'friday')).flatMap((record) => record.deliveries ?? []);
    expect(deliveries.reduce((sum, { dates }) => sum + dates, 0)).toBe(90);
    const requests = requestsByKind(world);
    const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
    // Each Date with one PUT, no HEAD: what lies there is remembered, or the Date is new.
    expect(requests).toMatchObject({ 'GET curation': 1, 'PUT curated': 90, 'PUT curation': 1 });
    expect(requests).not.toHaveProperty(['HEAD curated']);
    expect(total).toBeLessThanOrEqual(320);
  });
});
