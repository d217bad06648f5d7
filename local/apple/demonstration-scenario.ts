import { DAY_MILLISECONDS, dayOf, HOUR_MILLISECONDS, startOfDay } from './calendar.ts';
import { type Scenario, USUAL_REPORTS } from './scenario.ts';

/** When the demonstration starts: a Wednesday whose week holds a Friday and a 5th. */
export const DEMONSTRATION_START = '2026-06-03T00:00:00Z';

const SNAPSHOT_AND_ONGOING_DAYS = 5;

/**
 * The world of `npm start`: five apps; four with an ONGOING request made five days before, the fifth with none.
 * The first app is big (several segments); the others lack some reports.
 */
export function demonstrationScenario(): Scenario & { readonly apps: NonNullable<Scenario['apps']> } {
  const ongoing = [{ accessType: 'ONGOING' as const, createdDaysAgo: SNAPSHOT_AND_ONGOING_DAYS }];
  const without = (...names: string[]) => USUAL_REPORTS.filter((name) => !names.includes(name));
  return {
    seed: 20260603,
    correctionRate: 0.1,
    snapshotHistoryDays: 45,
    burstLimit: { perMinute: 300 },
    apps: [
      { name: 'Field Notes', rowsPerDate: 60, segments: 3, requests: ongoing },
      {
        name: 'Harbour Tides',
        rowsPerDate: 24,
        requests: ongoing,
        reports: without('App Store Pre-Orders Standard'),
      },
      {
        name: 'Chess "Lite"',
        requests: ongoing,
        reports: without('App Store Subscription State Standard', 'App Store Subscription Event Standard'),
      },
      {
        name: 'Café Finder',
        primaryLocale: 'fr-FR',
        requests: ongoing,
        reports: without('App Store Web Preview Engagement Standard', 'App Store Pre-Orders Standard'),
      },
      { name: 'Orbit, the Game', primaryLocale: 'en-GB' },
    ],
  };
}

/** The reports that published clients read, in both levels where there are two. */
export const REPORTS_OF_PUBLISHED_CLIENTS: readonly string[] = [
  ...USUAL_REPORTS,
  'App Store Discovery and Engagement Detailed',
  'App Downloads Detailed',
  'App Store Purchases Detailed',
  'App Sessions Detailed',
  'App Store Installation and Deletion Detailed',
];

/**
 * Gives every app but the last one ONGOING request that has instances of the last `days` days when the world
 * starts, and none to the last. Apps that name no reports get those that published clients read.
 * `startMilliseconds` is the start of the world.
 */
export function withDataOfLastDays(scenario: Scenario, days: number, startMilliseconds: number): Scenario {
  const publicationHour = scenario.publicationHour ?? 8;
  const delay = (scenario.firstDataDelayHours ?? 24) * HOUR_MILLISECONDS;
  const publishedToday = startOfDay(dayOf(startMilliseconds)) + publicationHour * HOUR_MILLISECONDS;
  const newest = publishedToday <= startMilliseconds ? publishedToday : publishedToday - DAY_MILLISECONDS;
  const created = newest - (days - 1) * DAY_MILLISECONDS - delay;
  const createdDaysAgo = (startMilliseconds - created) / DAY_MILLISECONDS;
  const apps = scenario.apps ?? demonstrationScenario().apps.map(({ reports: _, ...app }) => app);
  return {
    ...scenario,
    apps: apps.map((app, index) => ({
      reports: [...REPORTS_OF_PUBLISHED_CLIENTS],
      ...app,
      requests: index < apps.length - 1 ? [{ accessType: 'ONGOING', createdDaysAgo }] : [],
    })),
  };
}
