import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONTEXT_KEY, type Configuration, readConfiguration } from '../../infra/config.ts';
import { ConfigurationError } from '../../infra/configuration-error.ts';
import { REPORTS } from '../../lambdas/lib/analytics/report-catalog.ts';
import { PROJECT_DIRECTORY } from './synthesized.ts';

function problemsOf(context: unknown): readonly string[] {
  try {
    readConfiguration(context);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

/** Problems of a configuration with one account, named main unless it says otherwise. */
function accountProblems(fields: Record<string, unknown>): readonly string[] {
  return problemsOf({ accounts: [{ name: 'main', ...fields }] });
}

function reportsOf(fields: Record<string, unknown>): readonly string[] {
  return readConfiguration({ accounts: [{ name: 'main', ...fields }] }).accounts[0]?.reports ?? [];
}

function namesOfCategory(category: string): string[] {
  return REPORTS.filter((report) => report.category === category).map((report) => report.name);
}

describe('the configuration', () => {
  it('fills in every default for an account with nothing but a name', () => {
    const configuration = readConfiguration({ accounts: [{ name: 'main' }] });
    const { reports, ...account } = configuration.accounts[0] as Configuration['accounts'][number];
    expect(account).toEqual({
      name: 'main',
      key: 'team',
      adminKey: true,
      apps: 'all',
      exclude: [],
      granularities: ['DAILY', 'WEEKLY', 'MONTHLY'],
      backfill: 'none',
      backfillApps: 'all',
      schedule: 'rate(12 hours)',
      callBudgetReserve: 0.2,
      concurrency: 2,
      callsInFlight: 4,
    });
    expect(reports).toHaveLength(15);
    expect({ ...configuration, accounts: [] }).toEqual({
      accounts: [],
      retention: { logs: 90, noncurrentVersions: 90, runs: 400, queryResults: 7 },
      queryLimits: { people: 10, automation: 1, accountData: 10 },
      rawTables: false,
      tags: {},
      appleBaseUrl: 'https://api.appstoreconnect.apple.com',
      trustedOrigins: [],
    });
  });

  it('fills in every default of account data, which is left out unless it is asked for', () => {
    expect(readConfiguration({ accounts: [{ name: 'main' }] })).not.toHaveProperty('accountData');
    expect(readConfiguration({ accounts: [{ name: 'main' }], accountData: {} }).accountData).toEqual({
      accountDataTransferBaseUrl: 'https://accountdatatransfer.apple.com',
      appDataTransferBaseUrl: 'https://appdatatransfer.apple.com',
      oauthBaseUrl: 'https://appleid.apple.com',
      assetHosts: [],
      keepSuperseded: 2,
      renewSeries: false,
      limits: { entryBytes: 8_000_000_000, archiveBytes: 64_000_000_000, ratio: 200, entries: 100_000 },
    });
  });

  it('takes the standard-level and single-level commerce, engagement and usage reports by default', () => {
    const wanted = REPORTS.filter(
      (report) =>
        ['COMMERCE', 'APP_STORE_ENGAGEMENT', 'APP_USAGE'].includes(report.category) &&
        report.level !== 'DETAILED',
    );
    expect(reportsOf({})).toEqual(wanted.map((report) => report.name));
  });

  it('is valid as it stands in cdk.json, and the same as JSON text', () => {
    const { context } = JSON.parse(readFileSync(`${PROJECT_DIRECTORY}cdk.json`, 'utf8'));
    const asObject = readConfiguration(context[CONTEXT_KEY]);
    expect(asObject.accounts.map((account) => account.name)).toEqual(['main']);
    expect(readConfiguration(JSON.stringify(context[CONTEXT_KEY]))).toEqual(asObject);
  });

  it.each([
    ['App Store Commerce', 'COMMERCE'],
    ['COMMERCE', 'COMMERCE'],
    ['App Store Engagement', 'APP_STORE_ENGAGEMENT'],
    ['app-store engagement', 'APP_STORE_ENGAGEMENT'],
    ['App Usage', 'APP_USAGE'],
    ['Frameworks Usage', 'FRAMEWORK_USAGE'],
    ['FRAMEWORK_USAGE', 'FRAMEWORK_USAGE'],
    ['Performance', 'PERFORMANCE'],
  ])('takes the category "%s" as all reports of %s', (name, category) => {
    expect(reportsOf({ reports: [name] })).toEqual(namesOfCategory(category));
  });

  it('spells report names as the catalog does and names each once', () => {
    const reports = reportsOf({ reports: ['app sessions STANDARD', 'App Usage', 'App-Sessions Standard'] });
    expect(reports[0]).toBe('App Sessions Standard');
    expect(reports).toHaveLength(namesOfCategory('APP_USAGE').length);
  });

  it('keeps a report that the catalog lacks when reportsNotInCatalog names it', () => {
    const reportsNotInCatalog = ['App Store Weather Standard'];
    expect(reportsOf({ reports: ['App Crashes'], reportsNotInCatalog })).toEqual([
      'App Crashes',
      'App Store Weather Standard',
    ]);
    expect(reportsOf({ reports: [...reportsNotInCatalog, 'App Crashes'], reportsNotInCatalog })).toEqual([
      'App Crashes',
      'App Store Weather Standard',
    ]);
  });
});

describe('a bad configuration', () => {
  it('is one error with every problem and its path', () => {
    const context = {
      accounts: [
        { name: 'Main Account', apps: ['1'], exclude: ['1'], bogus: 1 },
        { name: 'other', schedule: 'hourly', concurrency: 9 },
      ],
      region: 'mars',
      unknown: true,
    };
    expect(() => readConfiguration(context)).toThrow(ConfigurationError);
    expect(() => readConfiguration(context)).toThrow(/^7 problems in the configuration/);
    expect(problemsOf(context).map((problem) => problem.split(':')[0])).toEqual([
      'region',
      'unknown',
      'accounts[0].name',
      'accounts[0].bogus',
      'accounts[0].exclude',
      'accounts[1].concurrency',
      'accounts[1].schedule',
    ]);
  });

  it.each([
    ['nothing', undefined, 'appleDataPipeline: is missing; see the configuration table in README.md'],
    ['a number', 5, 'appleDataPipeline: Invalid input: expected object, received number'],
    ['no accounts', { accounts: [] }, 'accounts: Too small: expected array to have >=1 items'],
    ['no list of accounts', {}, 'accounts: Invalid input: expected array, received undefined'],
    [
      'an account that is text',
      { accounts: ['main'] },
      'accounts[0]: Invalid input: expected object, received string',
    ],
  ])('is refused as %s', (_, context, problem) => {
    expect(problemsOf(context)).toEqual([problem]);
  });

  it('is refused as text that is no JSON', () => {
    expect(problemsOf('{accounts').join()).toMatch(/^appleDataPipeline: is text, but no JSON/);
  });

  it('names the nearest report for an unknown one', () => {
    expect(accountProblems({ reports: ['App Crashes', 'App Sesions Standart'] })).toEqual([
      'accounts[0].reports[1]: "App Sesions Standart" is neither a report nor a category of the catalog; the ' +
        'nearest name is "App Sessions Standard". A report that Apple lists and the catalog lacks belongs under ' +
        'reportsNotInCatalog (it lands raw only)',
    ]);
  });

  it('names the nearest category for an unknown one', () => {
    expect(accountProblems({ reports: ['Performence'] }).join()).toContain('nearest name is "Performance"');
  });

  it('refuses what the catalog has under reportsNotInCatalog', () => {
    expect(accountProblems({ reportsNotInCatalog: ['app crashes', '--'] })).toEqual([
      'accounts[0].reportsNotInCatalog[0]: the catalog has "App Crashes": name it under reports instead',
      'accounts[0].reportsNotInCatalog[1]: has neither a letter a to z nor a digit, of which its keys are made',
    ]);
  });

  it('refuses a report that the catalog lacks when its keys would be empty or those of another report', () => {
    const reportsNotInCatalog = [
      'Отчёт',
      'App Crashes é',
      'Weather Standard',
      'weather-standard',
      'Weather Standard ü',
    ];
    expect(accountProblems({ reportsNotInCatalog })).toEqual([
      'accounts[0].reportsNotInCatalog[0]: has neither a letter a to z nor a digit, of which its keys are made',
      'accounts[0].reportsNotInCatalog[1]: its keys would be those of "App Crashes" ("app-crashes"); drop one of them',
      'accounts[0].reportsNotInCatalog[4]: its keys would be those of "Weather Standard" ("weather-standard"); drop one of them',
    ]);
  });

  it('refuses a query limit that Athena would refuse, and a workgroup that there is not', () => {
    const queryLimits = { people: 0.001, automation: 1, machines: 1 };
    expect(problemsOf({ accounts: [{ name: 'main' }], queryLimits })).toEqual([
      'queryLimits.people: Too small: expected number to be >=0.01',
      'queryLimits.machines: is no known field',
    ]);
  });

  it('refuses a schedule that leaves more than 14 days between two runs', () => {
    expect(accountProblems({ schedule: 'cron(0 9 1 * ? *)' }).join()).toMatch(
      /^accounts\[0\]\.schedule: .* leaves 31 days between two runs; at most 14/,
    );
  });

  it('refuses two accounts of one name', () => {
    const accounts = [{ name: 'main' }, { name: 'other' }, { name: 'main' }];
    expect(problemsOf({ accounts })).toEqual(['accounts: the name "main" stands there twice']);
  });

  it.each([
    [{ apps: ['1', '2'], exclude: ['2'] }, 'exclude: app 2 is also listed under apps; decide for one'],
    [{ apps: ['1'], exclude: ['2'] }, 'exclude: app 2 is left out already, since apps names others; drop it'],
    [{ apps: ['1', '1'] }, 'apps: app 1 stands there twice'],
    [{ exclude: ['1', '1'] }, 'exclude: app 1 stands there twice'],
    [
      { backfill: 'snapshot', backfillApps: ['2'], exclude: ['2'] },
      "backfillApps: app 2 is not among the account's apps",
    ],
    [
      { backfill: 'snapshot', apps: ['1'], backfillApps: ['2'] },
      "backfillApps: app 2 is not among the account's apps",
    ],
    [{ backfillApps: ['2'] }, 'backfillApps: has no effect while backfill is none'],
    [{ granularities: ['DAILY', 'DAILY'] }, 'granularities: DAILY stands there twice'],
    [
      { concurrency: 4, callsInFlight: 3 },
      'callsInFlight: 3 is less than concurrency 4, and each app in flight needs one call; raise callsInFlight or lower concurrency',
    ],
  ])('refuses %j', (fields, problem) => {
    expect(accountProblems(fields)).toEqual([`accounts[0].${problem}`]);
  });

  it.each([
    [{ apps: ['com.example.app'] }, 'accounts[0].apps[0]'],
    [{ apps: 'some' }, 'accounts[0].apps'],
    [{ key: 'enterprise' }, 'accounts[0].key'],
    [{ backfill: 'all' }, 'accounts[0].backfill'],
    [{ granularities: ['HOURLY'] }, 'accounts[0].granularities[0]'],
    [{ callBudgetReserve: 1 }, 'accounts[0].callBudgetReserve'],
    [{ concurrency: 5 }, 'accounts[0].concurrency'],
    [{ callsInFlight: 0 }, 'accounts[0].callsInFlight'],
    [{ reports: [] }, 'accounts[0].reports'],
    [{ name: 'a/b' }, 'accounts[0].name'],
  ])('refuses the field %j', (fields, path) => {
    expect(accountProblems(fields).map((problem) => problem.split(':')[0])).toEqual([path]);
  });

  it.each([
    [{ alarmEmail: 'nobody' }, 'alarmEmail'],
    [{ alarmAfterHoursWithoutSuccess: 200 }, 'alarmAfterHoursWithoutSuccess'],
    [{ retention: { logs: 2 } }, 'retention.logs'],
    [{ retention: { years: 2 } }, 'retention.years'],
    [{ tags: { owner: 5 } }, 'tags.owner'],
    [{ region: 'Frankfurt' }, 'region'],
    [{ appleBaseUrl: 'https://host/path' }, 'appleBaseUrl'],
    [{ appleBaseUrl: 'http://host' }, 'appleBaseUrl'],
    [{ trustedOrigins: ['host'] }, 'trustedOrigins[0]'],
  ])('refuses %j', (fields, path) => {
    const problems = problemsOf({ accounts: [{ name: 'main' }], ...fields });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([path]);
  });

  it('admits plain http only for an origin that is trusted by name', () => {
    const appleBaseUrl = 'http://127.0.0.1:8080';
    const accounts = [{ name: 'main' }];
    expect(problemsOf({ accounts, appleBaseUrl })).toHaveLength(1);
    expect(problemsOf({ accounts, appleBaseUrl, trustedOrigins: [appleBaseUrl] })).toEqual([]);
  });

  it('refuses an account whose schedule input exceeds 256 KiB', () => {
    const ids = (count: number) => Array.from({ length: count }, (_, index) => String(1_000_000_000 + index));
    expect(accountProblems({ exclude: ids(10_000) })).toEqual([]);
    expect(accountProblems({ exclude: ids(20_000) }).join()).toMatch(
      /^accounts\[0\]: the schedule's input would be \d+ bytes, at most 258048 fit/,
    );
  });
});

describe('a bad configuration of account data', () => {
  const problemsWith = (accountData: Record<string, unknown>, top: Record<string, unknown> = {}) =>
    problemsOf({ accounts: [{ name: 'main' }], accountData, ...top });

  it('is refused with every problem and its path', () => {
    const accountData = { keepSuperseded: -1, renewSeries: 'yes', limits: { ratio: 0 }, bogus: 1 };
    expect(problemsWith(accountData).map((problem) => problem.split(':')[0])).toEqual([
      'accountData.keepSuperseded',
      'accountData.renewSeries',
      'accountData.limits.ratio',
      'accountData.bogus',
    ]);
  });

  it.each(['accountDataTransferBaseUrl', 'appDataTransferBaseUrl', 'oauthBaseUrl'])(
    'is refused for a %s that is not https, unless it is trusted',
    (field) => {
      const url = 'http://127.0.0.1:4711';
      expect(problemsWith({ [field]: url })).toEqual([
        `accountData.${field}: must be https, unless the same origin also stands under trustedOrigins`,
      ]);
      expect(problemsWith({ [field]: url }, { trustedOrigins: [url] })).toEqual([]);
      expect(problemsWith({ [field]: 'https://apple.example/path' })).toEqual([
        `accountData.${field}: must be an origin such as https://host or https://host:8443`,
      ]);
    },
  );

  it.each([
    'https://cdn.apple.com',
    'CDN.apple.com',
    '*.apple.com',
    'apple',
    '10.0.0.1',
    'cdn.apple.com:8443',
  ])('is refused for the asset host %s', (host) => {
    expect(problemsWith({ assetHosts: ['cdn.apple.com', '.apple.com', host] })).toEqual([
      'accountData.assetHosts[2]: must be a host, or .domain for every host below it',
    ]);
  });
});
