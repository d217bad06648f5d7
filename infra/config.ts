import { z } from 'zod';
import { workerShare } from '../lambdas/lib/analytics/call-rate.ts';
import { type Account, account, GRANULARITIES, granularity } from '../lambdas/lib/analytics/contracts.ts';
import { accountDataFields, accountDataOriginProblems } from './account-data-config.ts';
import { ConfigurationError } from './configuration-error.ts';
import { origin } from './origin.ts';
import { DEFAULT_REPORTS, selectReports } from './report-selection.ts';
import { scheduleProblem } from './schedule-expression.ts';

/** Key of the CDK context under which the configuration stands. */
export const CONTEXT_KEY = 'appleDataPipeline';

/** Largest input that EventBridge Scheduler and Step Functions accept, in bytes. */
const PAYLOAD_LIMIT_BYTES = 256 * 1024;

/** What a state adds around the account (ids, cursor, key of the plan), in bytes, with ample room. */
const ENVELOPE_BYTES = 4096;

/** Longer than any ARN of a secret, so that the size check holds before the ARN exists. */
const ARN_PLACEHOLDER = 'x'.repeat(256);

const appId = z.string().regex(/^\d{1,20}$/, 'an app is named by its Apple ID, digits only, as a string');
const allOrApps = z.union([z.literal('all'), z.array(appId).min(1)], 'must be "all" or a list of Apple IDs');
const reportName = z.string().trim().min(1);

const accountFields = z.strictObject({
  /** Names the account's secrets, schedule, lease and runs: lower-case letters, digits and `-`. */
  name: account.shape.name,
  /** Which key the reader secret holds: a team key (with issuerId) or an individual key (without). Default team. */
  key: z.enum(['team', 'individual']).default('team'),
  /** Whether a secret for an Admin key exists, which creates missing report requests. Default true. */
  adminKey: z.boolean().default(true),
  /** Every app of the account, or Apple IDs; an app that is not listed is never touched. Default all. */
  apps: allOrApps.default('all'),
  /** Apple IDs left out of `all`. Default none. */
  exclude: z.array(appId).default([]),
  /** Report names or categories. Default: standard-level commerce, engagement and usage reports. */
  reports: z
    .array(reportName)
    .min(1)
    .default([...DEFAULT_REPORTS]),
  /** Reports that Apple lists and this release's catalog lacks: landed raw only. Default none. */
  reportsNotInCatalog: z.array(reportName).default([]),
  /** Default all three. */
  granularities: z
    .array(granularity)
    .min(1)
    .default([...GRANULARITIES]),
  /** `snapshot` asks once for a ONE_TIME_SNAPSHOT of an app's history. Default none. */
  backfill: z.enum(['none', 'snapshot']).default('none'),
  /** Which of the account's apps get the snapshot that `backfill` asks for. Default all. */
  backfillApps: allOrApps.default('all'),
  /** `rate(...)` or `cron(...)` of EventBridge Scheduler, UTC, at most 14 days between two runs. Default rate(12 hours). */
  schedule: z.string().default('rate(12 hours)'),
  /** Share (0 to 0.9) of Apple's hourly call budget left to other users of the key. Default 0.2. */
  callBudgetReserve: account.shape.callBudgetReserve.default(0.2),
  /** Apps worked on at once, 1 to 4. Default 2. */
  concurrency: account.shape.concurrency.default(2),
  /** Calls in flight for the key over all apps, 1 to 8, at least `concurrency`. Default 4. */
  callsInFlight: account.shape.callsInFlight.default(4),
});

const days = z.int().min(1).max(3650);

/** Log retentions that CloudWatch knows, in days. */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653,
] as const;

const retentionFields = z.strictObject({
  /** Logs of functions and the state machine, in days; one of CloudWatch's values. Default 90. */
  logs: z.literal(LOG_RETENTION_DAYS).default(90),
  /** Old versions of objects in the analytics bucket, in days. Default 90. */
  noncurrentVersions: days.default(90),
  /** What a run writes about itself under `runs/`, in days. Default 400. */
  runs: days.default(400),
  /** Query results, in days. Default 7. */
  queryResults: days.default(7),
});

/** Gigabytes (10^9 bytes); Athena refuses a limit below 10 MB. */
const gigabytes = z.number().min(0.01).max(1_000_000);

const queryLimitFields = z.strictObject({
  /** In the workgroup of people. Default 10. */
  people: gigabytes.default(10),
  /** In the workgroup of dashboards and jobs. Default 1. */
  automation: gigabytes.default(1),
  /** In the workgroup of account data. Default 10. */
  accountData: gigabytes.default(10),
});

const topFields = {
  /** Where alarms are mailed; the address must confirm AWS's first mail. Default: no mail. */
  alarmEmail: z.email().optional(),
  /**
   * Hours without one run that ended well, of any account, until an alarm: 1 to 168. Default: three of the longest
   * gaps of the slowest schedule and an hour, at most 168.
   */
  alarmAfterHoursWithoutSuccess: z.int().min(1).max(168).optional(),
  retention: retentionFields.default(retentionFields.parse({})),
  /** What one query may read before Athena cancels it, in gigabytes. */
  queryLimits: queryLimitFields.default(queryLimitFields.parse({})),
  /** Tables over Apple's files as they came, every column text, for diagnosis. Default none. */
  rawTables: z.boolean().default(false),
  /** Tags on every resource, besides `service`. Default none. */
  tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}),
  /** AWS Region of all stacks. Default: the Region of the AWS credentials at deployment. */
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be an AWS Region such as eu-central-1')
    .optional(),
  /** Origin of App Store Connect. */
  appleBaseUrl: origin.default('https://api.appstoreconnect.apple.com'),
  /** Exact origins admitted beside Apple's hosts, for tests against another server. Default none. */
  trustedOrigins: z.array(origin).default([]),
  /** Account Data Transfer; `{}` takes every default. Default: none of its resources exist. */
  accountData: accountDataFields.optional(),
};

const topLevel = z.strictObject({ accounts: z.array(z.unknown()).min(1), ...topFields });

type AccountFields = z.infer<typeof accountFields>;

/** One account as configured; `reports` holds report names as the catalog spells them. */
export type AccountConfiguration = Omit<AccountFields, 'reportsNotInCatalog'>;

/** The validated configuration, every default filled in. */
export interface Configuration extends Omit<z.infer<typeof topLevel>, 'accounts'> {
  readonly accounts: readonly AccountConfiguration[];
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? CONTEXT_KEY : text.replace(/^\./, '');
}

function issueText(issue: z.core.$ZodIssue, at: readonly PropertyKey[]): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${pathText([...at, ...issue.path, key])}: is no known field`);
  }
  return [`${pathText([...at, ...issue.path])}: ${issue.message}`];
}

function duplicates(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

function appProblems(fields: AccountFields): string[] {
  const { apps, exclude, backfill, backfillApps } = fields;
  const isIncluded = (id: string) => (apps === 'all' || apps.includes(id)) && !exclude.includes(id);
  const lists = { apps, exclude, backfillApps };
  const problems = Object.entries(lists).flatMap(([list, ids]) =>
    ids === 'all' ? [] : duplicates(ids).map((id) => `${list}: app ${id} stands there twice`),
  );
  if (apps !== 'all') {
    problems.push(
      ...exclude.map((id) =>
        apps.includes(id)
          ? `exclude: app ${id} is also listed under apps; decide for one`
          : `exclude: app ${id} is left out already, since apps names others; drop it`,
      ),
    );
  }
  if (backfillApps !== 'all') {
    const strangers = backfillApps.filter((id) => !isIncluded(id));
    problems.push(...strangers.map((id) => `backfillApps: app ${id} is not among the account's apps`));
    if (backfill === 'none') problems.push('backfillApps: has no effect while backfill is none');
  }
  return problems;
}

function callProblems(fields: AccountFields): string[] {
  const inFlight = workerShare(fields).inFlight * fields.concurrency;
  if (inFlight <= fields.callsInFlight) return [];
  return [
    `callsInFlight: ${fields.callsInFlight} is less than concurrency ${fields.concurrency}, and each app in flight ` +
      'needs one call; raise callsInFlight or lower concurrency',
  ];
}

/** The account of a run's input (`{"account": ...}`), made from its configuration and its secrets' ARNs. */
export function accountInput(
  configuration: AccountConfiguration,
  secrets: { readonly readerSecretArn: string; readonly adminSecretArn?: string },
): Account {
  const { adminKey: _adminKey, schedule: _schedule, ...rest } = configuration;
  return { ...rest, ...secrets };
}

function payloadProblems(configuration: AccountConfiguration): string[] {
  const arns = { readerSecretArn: ARN_PLACEHOLDER, adminSecretArn: ARN_PLACEHOLDER };
  const bytes = Buffer.byteLength(JSON.stringify({ account: accountInput(configuration, arns) }));
  if (bytes + ENVELOPE_BYTES <= PAYLOAD_LIMIT_BYTES) return [];
  return [
    `the schedule's input would be ${bytes} bytes, at most ${PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES} fit: ` +
      'shorten apps, exclude or reports, or split the account',
  ];
}

/** The fields that are well-formed by themselves, so that what they mean together is checked all the same. */
function wellFormed(value: unknown, issues: readonly z.core.$ZodIssue[]): AccountFields | undefined {
  const record = z.record(z.string(), z.unknown()).safeParse(value);
  if (!record.success) return undefined;
  const bad = new Set(
    issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : issue.path.slice(0, 1))),
  );
  const rest = Object.entries(record.data).filter(([key]) => !bad.has(key));
  return accountFields.safeParse({ name: 'unnamed', ...Object.fromEntries(rest) }).data;
}

function readAccount(value: unknown, index: number, problems: string[]): AccountConfiguration | undefined {
  const parsed = accountFields.safeParse(value);
  const issues = parsed.error?.issues ?? [];
  problems.push(...issues.flatMap((issue) => issueText(issue, ['accounts', index])));
  const fields = parsed.data ?? wellFormed(value, issues);
  if (fields === undefined) return undefined;
  const at = `accounts[${index}]`;
  const { reportsNotInCatalog, ...rest } = fields;
  const selection = selectReports(fields.reports, reportsNotInCatalog);
  const configuration = { ...rest, reports: [...selection.names] };
  const schedule = scheduleProblem(fields.schedule);
  problems.push(
    ...appProblems(fields).map((problem) => `${at}.${problem}`),
    ...selection.problems.map((found) => `${at}.${found.list}[${found.index}]: ${found.problem}`),
    ...duplicates(fields.granularities).map((name) => `${at}.granularities: ${name} stands there twice`),
    ...(schedule === undefined ? [] : [`${at}.schedule: ${schedule}`]),
    ...callProblems(fields).map((problem) => `${at}.${problem}`),
    ...payloadProblems(configuration).map((problem) => `${at}: ${problem}`),
  );
  return configuration;
}

function parseContext(context: unknown): unknown {
  if (context === undefined) {
    throw new ConfigurationError([`${CONTEXT_KEY}: is missing; see the configuration table in README.md`]);
  }
  if (typeof context !== 'string') return context;
  try {
    return JSON.parse(context);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([`${CONTEXT_KEY}: is text, but no JSON (${reason})`]);
  }
}

function accountNameProblems(accounts: readonly unknown[]): string[] {
  const names = accounts.flatMap((entry) => {
    const named = z.looseObject({ name: z.string() }).safeParse(entry);
    return named.success ? [named.data.name] : [];
  });
  return duplicates(names).map((name) => `accounts: the name "${name}" stands there twice`);
}

function originProblems(top: z.infer<typeof topLevel>): string[] {
  const isTrusted = (url: string) => url.startsWith('https://') || top.trustedOrigins.includes(url);
  const problem = 'must be https, unless the same origin also stands under trustedOrigins';
  return [
    ...(isTrusted(top.appleBaseUrl) ? [] : [`appleBaseUrl: ${problem}`]),
    ...(top.accountData === undefined ? [] : accountDataOriginProblems(top.accountData, isTrusted)).map(
      (field) => `accountData.${field}: ${problem}`,
    ),
  ];
}

/**
 * Validates the value of the context key `appleDataPipeline`: an object, or its JSON text as `cdk -c` gives it.
 * Throws `ConfigurationError` that names every problem with its path, all at once.
 */
export function readConfiguration(context: unknown): Configuration {
  const value = parseContext(context);
  const problems: string[] = [];
  const top = topLevel.safeParse(value);
  if (!top.success) problems.push(...top.error.issues.flatMap((issue) => issueText(issue, [])));
  const listed = z.looseObject({ accounts: z.array(z.unknown()) }).safeParse(value);
  const entries = listed.success ? listed.data.accounts : [];
  const accounts = entries.flatMap((entry, index) => readAccount(entry, index, problems) ?? []);
  problems.push(...accountNameProblems(entries));
  if (top.success) problems.push(...originProblems(top.data));
  if (!top.success || problems.length > 0) throw new ConfigurationError(problems);
  return { ...top.data, accounts };
}
