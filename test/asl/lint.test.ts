import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import validate from 'asl-validator';
import { describe, expect, it } from 'vitest';
import { ACCOUNT_DATA_TRANSFER_FUNCTIONS } from '../../infra/account-data-functions.ts';
import { ANALYTICS_SYNC_FUNCTIONS, REBUILD_CURATED_FUNCTIONS } from '../../infra/functions.ts';
import { ACCOUNT_DATA_ERROR_NAMES, ERROR_NAMES } from '../../lambdas/lib/errors.ts';
import { houseRuleProblems, type Surroundings } from './house-rules.ts';
import { ACCOUNT_DATA_PROFILES } from './retry-profiles.ts';

const DIRECTORY = fileURLToPath(new URL('../../statemachines/', import.meta.url));
const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.asl.json'));

const functions = {
  ...ANALYTICS_SYNC_FUNCTIONS,
  ...REBUILD_CURATED_FUNCTIONS,
  ...ACCOUNT_DATA_TRANSFER_FUNCTIONS,
};
const surroundings = {
  functionTimeouts: Object.fromEntries(
    Object.entries(functions).map(([id, definition]) => [id, definition.timeoutSeconds]),
  ),
};

function surroundingsOf(file: string): Surroundings {
  return file.startsWith('account-data') ? { ...surroundings, flow: 'account-data' } : surroundings;
}

function textOf(file: string): string {
  return readFileSync(`${DIRECTORY}${file}`, 'utf8');
}

/** The definition as CloudFormation would hand it over. */
function filled(text: string): unknown {
  return JSON.parse(
    text.replace(/\$\{(\w+)\}/g, (_, name: string) =>
      name.endsWith('Arn') ? `arn:aws:lambda:eu-central-1:111111111111:function:${name}` : name.toLowerCase(),
    ),
  );
}

function validatorMessages(definition: unknown): string[] {
  const { isValid, errors } = validate(definition);
  return isValid ? [] : errors.map((error) => error.Message);
}

describe.each(files)('%s', (file) => {
  it('is valid for asl-validator', () => {
    expect(validatorMessages(filled(textOf(file)))).toEqual([]);
  });

  it('keeps the house rules', () => {
    expect(houseRuleProblems(JSON.parse(textOf(file)), surroundingsOf(file))).toEqual([]);
  });
});

describe('the linters', () => {
  const text = textOf('analytics-sync.asl.json');

  /** The definition with one state changed. */
  function planted(name: string, change: (state: Record<string, unknown>) => void): unknown {
    return JSON.parse(text, (key, value) => {
      if (key === name) change(value);
      return value;
    });
  }

  it.each([
    ['a Next to nowhere', '"Next": "App Done"', '"Next": "Nowhere"'],
    ['a broken expression', "{% $phase = 'ready' %}", "{% $phase = 'ready %}"],
    [
      'a JSONPath field',
      '"Comment": "Summarize Run counts',
      '"InputPath": "$", "Comment": "Summarize Run counts',
    ],
  ])('find %s', (_, from, to) => {
    expect(text).toContain(from);
    expect(validatorMessages(filled(text.replace(from, to)))).not.toEqual([]);
  });

  const missing = 'has no retrier for ApiAuthError';
  const faults: [string, string, (fields: Record<string, unknown>) => void, string[]][] = [
    [
      'a task without timeout',
      'List Apps',
      (state) => delete state.TimeoutSeconds,
      ['has no TimeoutSeconds'],
    ],
    [
      'a timeout that ends before the function does',
      'List Apps',
      (state) => Object.assign(state, { TimeoutSeconds: 600 }),
      ['has TimeoutSeconds 600, its function ends after 600: 610 is right'],
    ],
    [
      'a function that is named by hand',
      'List Apps',
      (state) => Object.assign(state, { Arguments: { FunctionName: 'list-apps' } }),
      ['names its function other than by a substitution'],
    ],
    [
      'a function that nobody deploys',
      'List Apps',
      (state) => Object.assign(state, { Arguments: { FunctionName: `\${ListOtherAppsArn}` } }),
      ['invokes ListOtherApps, which does not exist'],
    ],
    [
      'a retrier of its own making',
      'Summarize Run',
      (state) => Object.assign((state.Retry as object[])[1] as object, { MaxAttempts: 7 }),
      ['retrier 2 is no named profile'],
    ],
    [
      'a retrier that leaves a field to its default',
      'Summarize Run',
      (state) =>
        delete ((state.Retry as Record<string, unknown>[])[6] as Record<string, unknown>).JitterStrategy,
      ['retrier 7 is no named profile'],
    ],
    [
      'a profile left out',
      'Summarize Run',
      (state) => (state.Retry as unknown[]).shift(),
      [
        'retries by unusable,not-curable,apple-throttled,apple-unavailable,aws-transient,function-lost,unknown, not by apple-refused,unusable,not-curable,apple-throttled,apple-unavailable,aws-transient,function-lost,unknown',
        'has no retrier for ApiRequestError',
        missing,
      ],
    ],
    ['a task without Catch', 'Summarize Run', (state) => delete state.Catch, ['has no Catch']],
    [
      'a task with URLs that does not say how long they live',
      'Land Segments',
      (state) => delete state.Comment,
      ['does not say how long its URLs live'],
    ],
    ['a Choice without Default', 'Is Lease Taken', (state) => delete state.Default, ['has no Default']],
    [
      'a Map without MaxConcurrency',
      'Sync Apps',
      (state) => delete state.MaxConcurrency,
      ['has no MaxConcurrency'],
    ],
    ['a Map without Label', 'Sync Apps', (state) => delete state.Label, ['has no Label']],
    [
      'States.ALL beside other errors',
      'Sync Apps',
      (state) =>
        Object.assign(state, { Catch: [{ ErrorEquals: ['States.ALL', 'States.Timeout'], Next: 'Done' }] }),
      ['names States.ALL beside other errors'],
    ],
    [
      'a Catch after States.ALL',
      'Sync Apps',
      (state) => (state.Catch as unknown[]).push({ ErrorEquals: ['States.Timeout'], Next: 'Done' }),
      ['has something after States.ALL'],
    ],
    [
      'an error that nothing throws',
      'Sync Apps',
      (state) => (state.Catch as unknown[]).unshift({ ErrorEquals: ['ApiAuthErorr'], Next: 'Done' }),
      ['handles ApiAuthErorr, which nothing throws'],
    ],
    [
      'a kept URL',
      'List Apps',
      (state) => Object.assign(state, { Assign: { next: '{% $states.result.Payload.segmentUrl %}' } }),
      ['keeps something called "Url" in Assign or Output'],
    ],
    [
      'a kept secret in a Catch',
      'List Apps',
      (state) =>
        Object.assign((state.Catch as object[])[0] as object, {
          Output: '{% $states.input.readerSecretArn %}',
        }),
      ['keeps something called "Secret" in Assign or Output'],
    ],
  ];

  it.each(faults)('find %s', (_, state, change, problems) => {
    const found = houseRuleProblems(planted(state, change), surroundings);
    expect(found).toEqual(expect.arrayContaining(problems.map((problem) => `${state}: ${problem}`)));
  });

  it('find an error of ours that no retrier names, in every task that may throw it', () => {
    const without = text.replaceAll('"IntegrityError", ', '');
    const found = houseRuleProblems(JSON.parse(without), surroundings);
    const tasks = Object.keys(ANALYTICS_SYNC_FUNCTIONS).length;
    expect(found.filter((problem) => problem.endsWith('has no retrier for IntegrityError'))).toHaveLength(
      tasks,
    );
  });

  it('find a machine without comment, language or timeout, and a badly named state', () => {
    const definition = { States: { 'list apps': { Type: 'Succeed' } } };
    expect(houseRuleProblems(definition, surroundings)).toEqual([
      'machine: has no Comment of one sentence',
      'machine: is not in JSONata',
      'machine: has no TimeoutSeconds',
      'list apps: is not named in Title Case of at most 40 characters',
    ]);
  });

  it('know every error name once, and every one of account data in its profile', () => {
    const names = [...ERROR_NAMES, ...ACCOUNT_DATA_ERROR_NAMES];
    expect(new Set(names).size).toBe(names.length);
    expect(ACCOUNT_DATA_PROFILES['account-data-refused'].errors).toEqual(ACCOUNT_DATA_ERROR_NAMES);
  });
});

describe('the linters of a machine whose executions are redriven', () => {
  const file = 'account-data-transfer.asl.json';

  function retriers(states: Record<string, Record<string, unknown>>, name: string): unknown[] {
    return states[name]?.Retry as unknown[];
  }

  function problemsWith(change: (states: Record<string, Record<string, unknown>>) => void): string[] {
    const definition = JSON.parse(textOf(file));
    change(definition.States);
    return houseRuleProblems(definition, surroundingsOf(file));
  }

  it('find a Catch of everything that leads to a Fail state', () => {
    const Catch = [{ ErrorEquals: ['States.ALL'], Output: {}, Next: 'Failed' }];
    expect(problemsWith((states) => Object.assign(states['Check Status'] ?? {}, { Catch }))).toEqual([
      'Check Status: catches everything only to fail, which no redrive can mend',
    ]);
  });

  it('find an error of account data that no retrier names', () => {
    const found = problemsWith((states) => {
      retriers(states, 'Unpack Archives').splice(3, 1);
    });
    expect(found).toContain('Unpack Archives: has no retrier for GrantErasedError');
  });

  it('find a start of an execution that is repeated although the name is used', () => {
    const found = problemsWith((states) => {
      retriers(states, 'Start Next Instance').shift();
    });
    expect(found).toEqual([
      'Start Next Instance: retries by not-started, not by already-started,not-started',
    ]);
  });

  it.each([
    ['Submit Request', 'Lambda.TooManyRequestsException', { MaxAttempts: 6, MaxDelaySeconds: 60 }, 8],
    ['Check Status', 'SecretUnavailableError', { MaxAttempts: 0 }, 7],
    ['Start Next Instance', 'States.ALL', { MaxAttempts: 3, MaxDelaySeconds: 60 }, 2],
    ['Start Next Despite Failure', 'States.ALL', { MaxAttempts: 3, MaxDelaySeconds: 60 }, 2],
  ])('find that %s gives up soon after %s, as in analytics', (name, error, changes, position) => {
    const found = problemsWith((states) => {
      const list = retriers(states, name) as { ErrorEquals: string[] }[];
      Object.assign(list.find(({ ErrorEquals }) => ErrorEquals.includes(error)) as object, changes);
    });
    const isDifferent = `${name}: retrier ${position} is no named profile`;
    const isAnother = `${name}: retries by already-started,unknown, not by already-started,not-started`;
    expect(found).toEqual([name.startsWith('Start') ? isAnother : isDifferent]);
  });

  it('find a secret out of reach among the errors that nothing cures', () => {
    const found = problemsWith((states) => {
      const list = retriers(states, 'Check Status') as { ErrorEquals: string[] }[];
      list[1]?.ErrorEquals.push('SecretUnavailableError');
    });
    expect(found).toEqual(['Check Status: retrier 2 is no named profile']);
  });

  it('find an error of account data in a machine of analytics', () => {
    const found = houseRuleProblems(JSON.parse(textOf(file)), surroundings);
    expect(found).toContain('Submit Request: handles GrantRefusedError, which nothing throws');
    expect(found).toContain('Submit Request: has no Catch');
  });
});
