/** Where the authorising person lives, as Apple's scope names tell it. */
export type ScopeRegion = 'EU' | 'UK' | 'JP';
/** The service that an authorisation is for. */
export type ScopeService = 'account-data' | 'app-data';

/** What a scope admits: which data, of people in which regions. */
interface Scope {
  readonly name: string;
  readonly data: 'profile' | 'app-store-info' | 'app-install-activity';
  readonly regions: readonly ScopeRegion[];
  /** Name of an earlier release of the service: still accepted, and good for all of its regions at once. */
  readonly isLegacy: boolean;
}

const REGIONS: readonly ScopeRegion[] = ['EU', 'UK', 'JP'];
const LEGACY_REGIONS: readonly ScopeRegion[] = ['EU', 'UK'];

/** Every scope that Apple publishes; names are matched exactly, upper and lower case included. */
export const SCOPES: readonly Scope[] = [
  { name: 'data-transfer-user-profile', data: 'profile', regions: REGIONS, isLegacy: false },
  ...REGIONS.flatMap((region): Scope[] => [
    {
      name: `appstore-info-account-data-for-${region}-users`,
      data: 'app-store-info',
      regions: [region],
      isLegacy: false,
    },
    {
      name: `app-install-activity-account-data-for-${region}-users`,
      data: 'app-install-activity',
      regions: [region],
      isLegacy: false,
    },
  ]),
  { name: 'appstore-user-profile', data: 'profile', regions: LEGACY_REGIONS, isLegacy: true },
  { name: 'appstore-info-readonly', data: 'app-store-info', regions: LEGACY_REGIONS, isLegacy: true },
  {
    name: 'app-install-activity-readonly',
    data: 'app-install-activity',
    regions: LEGACY_REGIONS,
    isLegacy: true,
  },
];

const SCOPE_BY_NAME = new Map(SCOPES.map((scope) => [scope.name, scope]));

/** Regions of Account Data Transfer, and of App Data Transfer, which Apple does not offer in Japan. */
const REGIONS_OF_SERVICE: Readonly<Record<ScopeService, readonly ScopeRegion[]>> = {
  'account-data': REGIONS,
  'app-data': LEGACY_REGIONS,
};

function combinationProblems(data: readonly Scope[], region: ScopeRegion): string[] {
  const problems: string[] = [];
  const legacy = data.filter((scope) => scope.isLegacy);
  const regional = data.filter((scope) => !scope.isLegacy);
  const regions = new Set(regional.flatMap((scope) => scope.regions));
  if (legacy.length > 0 && regional.length > 0)
    problems.push('scopes of the earlier names are mixed with regional ones');
  if (regions.size > 1) problems.push(`scopes of several regions are mixed: ${[...regions].join(', ')}`);
  for (const { name, regions: valid } of data) {
    if (!valid.includes(region)) problems.push(`${name} is not for people in ${region}`);
  }
  return problems;
}

/**
 * What is wrong with the scopes of one authorisation, a phrase for each problem; empty when Apple can accept them.
 * The rule: scopes with data of one region, which is the person's; those of the earlier names are good for EU and UK.
 */
export function scopeProblems(
  scopes: readonly string[],
  region: ScopeRegion,
  service: ScopeService,
): readonly string[] {
  const problems: string[] = [];
  // A scope may be anything that an operator pasted: only what has the form of a name is repeated.
  for (const name of scopes) {
    if (!SCOPE_BY_NAME.has(name)) {
      problems.push(
        `unknown scope ${/^[a-zA-Z][\w.-]{0,79}$/.test(name) ? name : '(not the form of a name)'}`,
      );
    }
  }
  const known = scopes.flatMap((name) => SCOPE_BY_NAME.get(name) ?? []);
  const data = known.filter((scope) => scope.data !== 'profile');
  if (data.length === 0) problems.push('no scope that gives any data');
  if (!REGIONS_OF_SERVICE[service].includes(region)) {
    problems.push(`App Data Transfer is not offered to people in ${region}`);
  }
  return [...problems, ...combinationProblems(data, region)];
}

/**
 * Whether the only data that the scopes give is App Store information: Apple's pages disagree on whether such an
 * authorisation may have recurring requests.
 */
export function isAppStoreInfoOnly(scopes: readonly string[]): boolean {
  const data = scopes
    .flatMap((name) => SCOPE_BY_NAME.get(name)?.data ?? [])
    .filter((kind) => kind !== 'profile');
  return data.length > 0 && data.every((kind) => kind === 'app-store-info');
}
