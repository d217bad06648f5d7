import { describe, expect, test } from 'vitest';
import { isAppStoreInfoOnly, SCOPES, scopeProblems } from '../../lambdas/lib/apple/scopes.ts';

const PROFILE = 'data-transfer-user-profile';
const info = (region: string) => `appstore-info-account-data-for-${region}-users`;
const activity = (region: string) => `app-install-activity-account-data-for-${region}-users`;
const LEGACY = ['appstore-user-profile', 'appstore-info-readonly', 'app-install-activity-readonly'];

describe('the scopes of an authorisation', () => {
  test('are the published names and no others', () => {
    expect(SCOPES.map(({ name }) => name).sort()).toEqual(
      [
        PROFILE,
        ...['EU', 'UK', 'JP'].flatMap((region) => [info(region), activity(region)]),
        ...LEGACY,
      ].sort(),
    );
  });

  test.each(['EU', 'UK', 'JP'] as const)(
    'may be one or both of %s, with the profile or without',
    (region) => {
      for (const scopes of [
        [info(region)],
        [activity(region)],
        [info(region), activity(region)],
        [PROFILE, info(region), activity(region)],
      ]) {
        expect(scopeProblems(scopes, region, 'account-data')).toEqual([]);
      }
    },
  );

  test.each(['EU', 'UK'] as const)('may be of the earlier names for %s, in both services', (region) => {
    expect(scopeProblems(LEGACY, region, 'account-data')).toEqual([]);
    expect(scopeProblems([PROFILE, 'appstore-info-readonly'], region, 'app-data')).toEqual([]);
  });

  test.each([
    ['none at all', [], 'EU', 'account-data', ['no scope that gives any data']],
    ['the profile alone', [PROFILE], 'EU', 'account-data', ['no scope that gives any data']],
    ['an unknown one', [info('EU'), 'push-activity'], 'EU', 'account-data', ['unknown scope push-activity']],
    [
      'another case of a name',
      [info('eu')],
      'EU',
      'account-data',
      [`unknown scope ${info('eu')}`, 'no scope that gives any data'],
    ],
    [
      'two regions',
      [info('EU'), activity('UK')],
      'EU',
      'account-data',
      ['scopes of several regions are mixed: EU, UK', `${activity('UK')} is not for people in EU`],
    ],
    [
      "another region than the person's",
      [info('UK')],
      'JP',
      'account-data',
      [`${info('UK')} is not for people in JP`],
    ],
    [
      'earlier names in Japan',
      ['appstore-info-readonly'],
      'JP',
      'account-data',
      ['appstore-info-readonly is not for people in JP'],
    ],
    [
      'earlier names beside regional ones',
      ['appstore-info-readonly', activity('EU')],
      'EU',
      'account-data',
      ['scopes of the earlier names are mixed with regional ones'],
    ],
    [
      'App Data Transfer in Japan',
      [info('JP')],
      'JP',
      'app-data',
      ['App Data Transfer is not offered to people in JP'],
    ],
  ] as const)('with %s are refused', (_what, scopes, region, service, problems) => {
    expect(scopeProblems(scopes, region, service)).toEqual(problems);
  });

  test('that are a token pasted by mistake are not quoted', () => {
    const [problem] = scopeProblems(['r3fresh+token/with=signs'], 'EU', 'account-data');

    expect(problem).toBe('unknown scope (not the form of a name)');
  });
});

describe('only App Store information', () => {
  test.each([
    [[info('EU')], true],
    [[PROFILE, info('JP')], true],
    [['appstore-user-profile', 'appstore-info-readonly'], true],
    [[info('EU'), activity('EU')], false],
    [[activity('UK')], false],
    [[PROFILE], false],
    [[], false],
  ])('is what %j give: %j', (scopes, expected) => {
    expect(isAppStoreInfoOnly(scopes)).toBe(expected);
  });
});
