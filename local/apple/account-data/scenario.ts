import { z } from 'zod';
import { OPERATIONS } from './calls.ts';
import { FAULT_KINDS } from './faults.ts';

/** Apple's modes of a request. */
export const MODES = ['ONE_TIME', 'DAILY_30', 'WEEKLY_180'] as const;
export type Mode = (typeof MODES)[number];

/** Where people live whose data can be asked for. */
export const REGIONS = ['EU', 'UK', 'JP'] as const;
export type Region = (typeof REGIONS)[number];

/** `account-data`: a third party asks; `app-data`: a developer asks about its own app (EU and UK only). */
export const SERVICES = ['account-data', 'app-data'] as const;
export type Service = (typeof SERVICES)[number];

/** The four hosts of account data. */
export const HOSTS = ['accountDataTransfer', 'appDataTransfer', 'oauth', 'assets'] as const;
export type HostName = (typeof HOSTS)[number];

const outage = z.strictObject({
  fromDay: z.number().nonnegative().describe('days since the start of the world; fractions are allowed'),
  toDay: z.number().positive().describe('the first day on which it is over'),
  hosts: z
    .array(z.enum(HOSTS))
    .min(1)
    .default([...HOSTS]),
  how: z.enum(['503', 'refuse']).default('503').describe('refuse: connections break before anything is done'),
});

/** A `statusCheckDelay` that is left out of the answer. */
export const ABSENT_DELAY = { absent: true } as const;

const person = z.strictObject({
  externalId: z.string().min(1).optional().describe('the name in `grants`; numbered when left out'),
  region: z.enum(REGIONS).default('EU'),
  scopes: z
    .array(z.string().min(1))
    .optional()
    .describe('of the grant; by default the profile and both data scopes of the region'),
  legacy: z
    .boolean()
    .default(false)
    .describe('the grant was given with the scope names before the regional ones'),
  mode: z.enum(MODES).default('ONE_TIME'),
  service: z.enum(SERVICES).default('account-data'),
  archives: z.int().nonnegative().optional().describe('per request; by default 1 or 2, drawn'),
  jobStatuses: z
    .array(z.string().min(1))
    .default([])
    .describe("how the person's requests end, in their order; after the list and by default: completed"),
  statusCheckDelaySeconds: z.int().positive().optional().describe("instead of the world's"),
  delays: z
    .array(z.unknown())
    .min(1)
    .optional()
    .describe(
      'statusCheckDelay of the answers about a request, in their order, of any kind; the last one repeats; {"absent": true} leaves it out',
    ),
  jobSeconds: z.int().nonnegative().optional().describe("instead of the world's"),
  memberBytes: z.int().positive().optional().describe('one table of each request has at least so many bytes'),
  bigArchiveBytes: z
    .int()
    .positive()
    .optional()
    .describe('each archive has one more member so big, made while it is sent (zip64), for measurements'),
  bigArchiveStored: z.boolean().default(true).describe('the big member is stored; false: deflated'),
  consentWithdrawnOnDay: z
    .number()
    .nonnegative()
    .optional()
    .describe('days since the start of the world; fractions are allowed'),
  outages: z.array(outage).default([]).describe('of this person alone'),
});

const fault = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  times: z.int().positive().optional().describe('default: always'),
  after: z.int().nonnegative().default(0).describe('let so many matching calls pass first'),
  host: z.enum(HOSTS).optional(),
  operation: z.enum(OPERATIONS).optional(),
  externalId: z.string().optional(),
});

const variants = z.strictObject({
  duplicate: z
    .enum(['both-400', 'parent-400', 'request-400', 'both-200', 'uuid-in-text-400'])
    .default('both-400')
    .describe('the answer to a recurring submit while a series lives'),
  unknownStatusId: z.enum(['ok', '400']).default('ok').describe('request_not_found with status 200 or 400'),
  fetchNotComplete: z.enum(['invalid_request_status', 'in_progress']).default('invalid_request_status'),
  fetchAfterWindow: z
    .enum(['request_not_found', 'empty', 'job-status-error'])
    .default('request_not_found')
    .describe('three days after completion'),
  cancelTerminal: z.enum(['400', '200-error']).default('400').describe('cancel of a request that is over'),
  cancelIdAccepted: z
    .enum(['either', 'parent', 'instance'])
    .default('either')
    .describe('of a recurring request'),
  cancelIdleSeries: z
    .enum(['refused', 'cancelled'])
    .default('refused')
    .describe('cancel by the parent id while no instance is in progress'),
  seriesAfterInstanceCancel: z.enum(['lives', 'ends']).default('lives'),
  earlyPoll: z.enum(['in_progress', '400']).default('in_progress'),
  appStoreInfoRecurring: z
    .enum(['allowed', '400', '403'])
    .default('allowed')
    .describe('a recurring submit with an App Store information scope alone'),
  resubmitAfterTerm: z.enum(['400', 'allowed']).default('400').describe('after day 30 or 180 of a series'),
  strictTransactionIds: z.boolean().default(true).describe('a repeated X-Apple-Transaction-Id is refused'),
  strictAssets: z.boolean().default(true).describe('an Authorization header on the asset host is refused'),
  assetsRanges: z.boolean().default(false).describe('the asset host sends Accept-Ranges and ETag'),
  listOrder: z
    .enum(['stable', 'shuffled', 'renamed', 'shrinking'])
    .default('stable')
    .describe('of assetInfo, from the second fetch on'),
  rotateRefreshTokens: z
    .boolean()
    .default(false)
    .describe('a refresh gives a new refresh token; older ones end when it is used'),
});

function haveOwnNames(people: readonly z.output<typeof person>[]): boolean {
  const names = people.map(({ externalId }) => externalId).filter((name) => name !== undefined);
  return new Set(names).size === names.length;
}

/**
 * The people whose data simulated Apple holds, and one switch for each choice that Apple's documentation leaves
 * open. Every field has a default, an unknown one is a `ZodError`.
 */
export const accountDataScenarioSchema = z.strictObject({
  seed: z.int().default(1),
  statusCheckDelaySeconds: z.int().positive().default(86_400),
  jobSeconds: z.int().nonnegative().default(72_000).describe('from submit to completion'),
  urlLifetimeSeconds: z.int().positive().default(900),
  accessTokenSeconds: z.int().positive().default(3600),
  people: z
    .array(person)
    .min(1)
    .refine(haveOwnNames, 'two people have the same externalId')
    .default(() => DEFAULT_PEOPLE.map((each) => person.parse(each))),
  outages: z.array(outage).default([]).describe('of everybody'),
  faults: z.array(fault).default([]),
  variants: variants.default(() => variants.parse({})),
});

/** A scenario as written: every field optional. */
export type AccountDataScenario = z.input<typeof accountDataScenarioSchema>;
/** A scenario with all defaults filled in. */
export type AccountDataWorld = z.output<typeof accountDataScenarioSchema>;
export type PersonScenario = AccountDataWorld['people'][number];
export type Variants = AccountDataWorld['variants'];

/** A handful of people over all regions, modes and both services. */
const DEFAULT_PEOPLE: readonly z.input<typeof person>[] = [
  { region: 'EU', mode: 'ONE_TIME' },
  { region: 'EU', mode: 'DAILY_30' },
  { region: 'UK', mode: 'WEEKLY_180' },
  { region: 'JP', mode: 'DAILY_30' },
  { region: 'UK', mode: 'ONE_TIME', legacy: true },
  { region: 'EU', mode: 'ONE_TIME', service: 'app-data' },
];
