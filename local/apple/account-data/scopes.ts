import type { Region, Service } from './scenario.ts';

const PROFILE = 'data-transfer-user-profile';
const LEGACY_PROFILE = 'appstore-user-profile';
const REGIONAL = /^(appstore-info|app-install-activity)-account-data-for-(EU|UK|JP)-users$/;
const LEGACY = /^(appstore-info|app-install-activity)-readonly$/;

/** What a data scope is about. */
export type DataKind = 'appstore-info' | 'app-install-activity';

/** The scopes that a grant usually has. */
export function usualScopes(region: Region, isLegacy: boolean): string[] {
  if (isLegacy) return [LEGACY_PROFILE, 'appstore-info-readonly', 'app-install-activity-readonly'];
  return [
    PROFILE,
    `appstore-info-account-data-for-${region}-users`,
    `app-install-activity-account-data-for-${region}-users`,
  ];
}

/** Which data the scopes cover; names that nobody knows cover none. */
export function dataKinds(scopes: readonly string[]): Set<DataKind> {
  const kinds = scopes.map((scope) => (REGIONAL.exec(scope) ?? LEGACY.exec(scope))?.[1]);
  return new Set(kinds.filter((kind) => kind !== undefined) as DataKind[]);
}

/**
 * Whether a token with these scopes may call at all: at least one data scope, regional ones of the person's own
 * region only, older names in the EU and the UK only, and no App Data Transfer for Japan.
 */
export function mayCall(scopes: readonly string[], region: Region, service: Service): boolean {
  if (dataKinds(scopes).size === 0) return false;
  if (service === 'app-data' && region === 'JP') return false;
  const regions = scopes.map((scope) => REGIONAL.exec(scope)?.[2]).filter((each) => each !== undefined);
  const hasLegacy = scopes.some((scope) => LEGACY.test(scope));
  return regions.every((each) => each === region) && !(hasLegacy && region === 'JP');
}
