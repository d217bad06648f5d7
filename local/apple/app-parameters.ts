import type { ParameterRule, ParameterRules } from './parameters.ts';

/** The fields of an app that Apple documents; simulated apps have its attributes and the first relationship. */
const FIELDS = [
  ...['accessibilityUrl', 'name', 'bundleId', 'sku', 'primaryLocale', 'isOrEverWasMadeForKids'],
  ...['subscriptionStatusUrl', 'subscriptionStatusUrlVersion'],
  ...['subscriptionStatusUrlForSandbox', 'subscriptionStatusUrlVersionForSandbox'],
  ...['contentRightsDeclaration', 'streamlinedPurchasingEnabled'],
  ...['analyticsReportRequests', 'accessibilityDeclarations', 'alternativeDistributionKey'],
  ...['androidToIosAppMappingDetails', 'appAvailabilityV2', 'appClips', 'appCustomProductPages'],
  ...['appEncryptionDeclarations', 'appEvents', 'appInfos', 'appPricePoints', 'appPriceSchedule'],
  ...['appStoreIcon', 'appStoreVersionExperimentsV2', 'appStoreVersions', 'appTags', 'backgroundAssets'],
  ...['betaAppLocalizations', 'betaAppReviewDetail', 'betaFeedbackCrashSubmissions'],
  ...['betaFeedbackScreenshotSubmissions', 'betaGroups', 'betaLicenseAgreement', 'betaTesters'],
  ...['buildUploads', 'builds', 'ciProduct', 'customerReviewSummarizations', 'customerReviews'],
  ...['endUserLicenseAgreement', 'gameCenterDetail', 'gameCenterEnabledVersions', 'inAppPurchases'],
  ...['inAppPurchasesV2', 'marketplaceSearchDetail', 'perfPowerMetrics', 'preReleaseVersions'],
  ...['promotedPurchases', 'reviewSubmissions', 'searchKeywords', 'subscriptionGracePeriod'],
  ...['subscriptionGroups', 'webhooks'],
];

/** Relationships of an app whose included resources `limit[...]` counts. */
const COUNTED = [
  ...['androidToIosAppMappingDetails', 'appClips', 'appCustomProductPages', 'appEncryptionDeclarations'],
  ...['appEvents', 'appInfos', 'appStoreVersionExperimentsV2', 'appStoreVersions', 'betaAppLocalizations'],
  ...['betaGroups', 'builds', 'gameCenterEnabledVersions', 'inAppPurchases', 'inAppPurchasesV2'],
  ...['preReleaseVersions', 'promotedPurchases', 'reviewSubmissions', 'subscriptionGroups'],
];

/** Types of resources that can be included with an app. */
const INCLUDED_TYPES = [
  ...['androidToIosAppMappingDetails', 'appClips', 'appCustomProductPages', 'appEncryptionDeclarations'],
  ...['appEvents', 'appInfos', 'appStoreVersionExperiments', 'appStoreVersions', 'betaAppLocalizations'],
  ...['betaAppReviewDetails', 'betaGroups', 'betaLicenseAgreements', 'buildIcons', 'builds', 'ciProducts'],
  ...['endUserLicenseAgreements', 'gameCenterDetails', 'gameCenterEnabledVersions', 'inAppPurchases'],
  ...['preReleaseVersions', 'promotedPurchases', 'reviewSubmissions', 'subscriptionGracePeriods'],
  'subscriptionGroups',
];

const TEXT: ParameterRule = { kind: 'text' };
const NOT_SIMULATED: ParameterRule = { kind: 'not-simulated' };

function notSimulated(...names: readonly string[]): ParameterRules {
  return Object.fromEntries(names.map((name) => [name, NOT_SIMULATED]));
}

/** Parameters of one app: its fields; what Apple includes beside it is not simulated. */
export const APP_PARAMETERS: ParameterRules = {
  'fields[apps]': { kind: 'enum', values: FIELDS },
  ...notSimulated(
    'include',
    ...COUNTED.map((name) => `limit[${name}]`),
    ...INCLUDED_TYPES.map((name) => `fields[${name}]`),
  ),
};

/** Parameters of the list of apps besides paging: filters and order of what apps themselves have. */
export const APP_LIST_PARAMETERS: ParameterRules = {
  ...APP_PARAMETERS,
  'filter[id]': TEXT,
  'filter[name]': TEXT,
  'filter[bundleId]': TEXT,
  'filter[sku]': TEXT,
  sort: { kind: 'enum', values: ['name', '-name', 'bundleId', '-bundleId', 'sku', '-sku'] },
  ...notSimulated(
    'filter[appStoreVersions]',
    'filter[appStoreVersions.appStoreState]',
    'filter[appStoreVersions.appVersionState]',
    'filter[appStoreVersions.platform]',
    'filter[reviewSubmissions.platform]',
    'filter[reviewSubmissions.state]',
    'exists[gameCenterEnabledVersions]',
  ),
};
