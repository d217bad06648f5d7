import type { AccountDataScenario } from './scenario.ts';

type Person = NonNullable<AccountDataScenario['people']>[number];

/** A person of the demonstration, and when things happen. Days count from the start of the account data part. */
export interface DemonstrationPerson {
  readonly scenario: Person & { readonly externalId: string };
  /** When the person's consent arrives and the transfer is started. */
  readonly startsOnDay: number;
  /** When we cancel the series. */
  readonly cancelledOnDay?: number;
}

/** Of the second instance: from before its completion until Apple has kept it for three days. */
const MISSED_WINDOW = { fromDay: 9.5, toDay: 12.9, hosts: ['accountDataTransfer' as const] };

const PEOPLE: readonly DemonstrationPerson[] = [
  // A whole series: thirty instances.
  { scenario: { externalId: 'daily-whole-series', mode: 'DAILY_30', archives: 1 }, startsOnDay: 0 },
  {
    scenario: {
      externalId: 'daily-consent-withdrawn',
      mode: 'DAILY_30',
      region: 'UK',
      archives: 1,
      consentWithdrawnOnDay: 10.5,
    },
    startsOnDay: 0,
  },
  {
    scenario: { externalId: 'daily-cancelled', mode: 'DAILY_30', region: 'JP', archives: 1 },
    startsOnDay: 1,
    cancelledOnDay: 12.5,
  },
  {
    scenario: { externalId: 'daily-still-running', mode: 'DAILY_30', region: 'JP', archives: 1 },
    startsOnDay: 22,
  },
  { scenario: { externalId: 'weekly-eu', mode: 'WEEKLY_180', archives: 2 }, startsOnDay: 0 },
  {
    scenario: { externalId: 'weekly-uk-legacy', mode: 'WEEKLY_180', region: 'UK', legacy: true, archives: 1 },
    startsOnDay: 1,
  },
  {
    scenario: {
      externalId: 'weekly-missed-window',
      mode: 'WEEKLY_180',
      archives: 1,
      statusCheckDelaySeconds: 172_800,
      outages: [MISSED_WINDOW],
    },
    startsOnDay: 2,
  },
  { scenario: { externalId: 'weekly-jp', mode: 'WEEKLY_180', region: 'JP', archives: 1 }, startsOnDay: 3 },
  {
    scenario: {
      externalId: 'weekly-own-app',
      mode: 'WEEKLY_180',
      region: 'UK',
      service: 'app-data',
      archives: 1,
    },
    startsOnDay: 4,
  },
  { scenario: { externalId: 'once-partial', jobStatuses: ['completed_with_error'] }, startsOnDay: 0 },
  { scenario: { externalId: 'once-eu' }, startsOnDay: 0 },
  { scenario: { externalId: 'once-uk', region: 'UK' }, startsOnDay: 1 },
  { scenario: { externalId: 'once-jp', region: 'JP' }, startsOnDay: 2 },
  { scenario: { externalId: 'once-eu-legacy', legacy: true }, startsOnDay: 3 },
  { scenario: { externalId: 'once-uk-legacy', region: 'UK', legacy: true }, startsOnDay: 4 },
  { scenario: { externalId: 'once-own-app', service: 'app-data' }, startsOnDay: 5 },
  // Apple's job fails, and the request is made once more.
  { scenario: { externalId: 'once-second-try', region: 'UK', jobStatuses: ['error'] }, startsOnDay: 6 },
  // Apple needs four days.
  { scenario: { externalId: 'once-slow', region: 'JP', jobSeconds: 345_600 }, startsOnDay: 7 },
  { scenario: { externalId: 'once-several-archives', archives: 8 }, startsOnDay: 8 },
  { scenario: { externalId: 'once-late', region: 'UK' }, startsOnDay: 29 },
];

/**
 * The twenty people of `npm start`: three regions, earlier and present scope names, both services, all modes, and one
 * of each way in which a transfer may end by day 31.
 */
export function demonstrationPeople(): readonly DemonstrationPerson[] {
  return PEOPLE;
}

/** Simulated Apple's part of that world. */
export function accountDataDemonstrationScenario(): AccountDataScenario {
  return { seed: 20260606, people: PEOPLE.map(({ scenario }) => scenario) };
}
