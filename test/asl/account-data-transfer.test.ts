import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { executionName } from '../../lambdas/lib/account-data/contracts.ts';
import { validateDefinition } from '../../local/asl/runner.ts';
import { run, START, scriptedRunner } from './run-machine.ts';

const FILE = join(import.meta.dirname, '../../statemachines/account-data-transfer.asl.json');
const GRANT = '6f1c2b7e-54d1-4c8e-9a36-0d2f6b1f7a11';
const INPUT = { grantId: GRANT, series: 1, instance: 1 };
const REQUEST = '7BBBD45D-9C1E-4D0B-8A2C-3D5E0F9B1A22';
const DAY = 86_400;
const START_EXECUTION = 'arn:aws:states:::states:startExecution';

const functionArn = (name: string) => `arn:aws:lambda:us-east-1:111111111111:function:${name}`;

/** The definition with functions named by their ARN. */
async function definition(): Promise<unknown> {
  const text = await readFile(FILE, 'utf8');
  return JSON.parse(text.replaceAll(/\$\{(\w+)Arn\}/g, (_, name: string) => functionArn(name)));
}

interface Answer {
  readonly phase: string;
  readonly delaySeconds?: number;
  readonly outcome?: string;
  readonly nextSeries?: number | null;
  readonly nextInstance?: number | null;
  readonly nextAt?: string | null;
}

/** What a step that talks to Apple returns: the last instance of its series unless it says otherwise. */
function answer({ phase, delaySeconds = 0, outcome = 'in-progress', ...next }: Answer): object {
  const value = {
    phase,
    delaySeconds,
    outcome,
    requestId: REQUEST,
    nextSeries: null,
    nextInstance: null,
    nextAt: null,
    ...next,
  };
  return { return: value };
}

const NEXT = { nextSeries: 1, nextInstance: 2, nextAt: new Date(START + 7 * DAY * 1000).toISOString() };
const SUBMITTED = answer({ phase: 'wait', delaySeconds: DAY, outcome: 'submitted' });
const COMPLETED = answer({ phase: 'fetch', outcome: 'completed', ...NEXT });
const FETCHED = answer({ phase: 'unpack', outcome: 'fetched', ...NEXT });
const UNPACKED = { return: { phase: 'unpacked', cursor: null, outcome: 'unpacked' } };

/** A plain instance of a series, with some functions answering otherwise. */
function tasks(changes: Readonly<Record<string, readonly object[]>> = {}): object {
  const behaviours: Readonly<Record<string, readonly object[]>> = {
    SubmitRequest: [SUBMITTED],
    CheckStatus: [COMPLETED],
    FetchArchives: [FETCHED],
    UnpackArchives: [UNPACKED],
    [START_EXECUTION]: [{ return: { ExecutionArn: 'arn', StartDate: 'now' } }],
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(behaviours).map(([key, list]) => [key.startsWith('arn:') ? key : functionArn(key), list]),
  );
}

const PLAIN_PATH = [
  'Submit Request',
  'Wait For Apple',
  'Check Status',
  'What Comes Next',
  'Fetch URLs And Stream Archives',
  'What Comes Next',
  'Unpack Archives',
  'Are Archives Unpacked',
  'Wait For Period',
  'Start Next Instance',
];

/** The inputs that the machine handed to new executions. */
function starts(calls: readonly { resource: string; input: unknown }[]): unknown[] {
  return calls.filter(({ resource }) => resource === START_EXECUTION).map(({ input }) => input);
}

/** The payloads of one function, in order. */
function payloads(calls: readonly { input: unknown }[], name: string): unknown[] {
  const inputs = calls.map(({ input }) => input as { FunctionName?: string; Payload?: unknown });
  return inputs
    .filter(({ FunctionName }) => FunctionName === functionArn(name))
    .map(({ Payload }) => Payload);
}

describe('the account-data-transfer machine', () => {
  it('is one that the runner accepts', async () => {
    expect(validateDefinition(await definition())).toEqual([]);
  });

  it('brings one instance of a series home in 10 billed transitions', async () => {
    const result = await run(await definition(), INPUT, tasks());

    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'unpacked' }, path: PLAIN_PATH });
    expect(result.transitions).toBe(10);
    expect(payloads(result.calls, 'SubmitRequest')).toEqual([INPUT]);
    expect(payloads(result.calls, 'CheckStatus')).toEqual([INPUT]);
    expect(payloads(result.calls, 'FetchArchives')).toEqual([INPUT]);
    expect(payloads(result.calls, 'UnpackArchives')).toEqual([
      { grantId: GRANT, requestId: REQUEST, cursor: null },
    ]);
  });

  it('starts the next instance under its own name when its period is over', async () => {
    const result = await run(await definition(), INPUT, tasks());

    const input = { ...INPUT, instance: 2 };
    expect(result.seconds).toBe(7 * DAY);
    expect(starts(result.calls)).toEqual([
      {
        StateMachineArn: 'arn:aws:states:us-east-1:111111111111:stateMachine:machine',
        Name: executionName(input),
        Input: input,
      },
    ]);
  });

  it.each([
    ['Start Next Instance', UNPACKED],
    [
      'Start Next Despite Failure',
      { throw: { name: 'IntegrityError', message: 'archive 1 of request is shorter' } },
    ],
  ])('starts the first instance of the series that follows a renewed one: %s', async (state, unpack) => {
    const renewal = { ...NEXT, nextSeries: 2, nextInstance: 1 };
    const fetched = answer({ phase: 'unpack', outcome: 'fetched', ...renewal });
    const result = await run(
      await definition(),
      { ...INPUT, instance: 30 },
      tasks({ FetchArchives: [fetched], UnpackArchives: [unpack] }),
    );

    const input = { grantId: GRANT, series: 2, instance: 1 };
    expect(result.path).toContain(state);
    expect(starts(result.calls)).toMatchObject([{ Name: executionName(input), Input: input }]);
  });

  it('waits out a start that is throttled for half an hour', async () => {
    const throttled = { fail: { error: 'StepFunctions.ThrottlingException', cause: 'rate exceeded' } };
    const started = { return: { ExecutionArn: 'arn', StartDate: 'now' } };
    const result = await run(
      await definition(),
      INPUT,
      tasks({ [START_EXECUTION]: [...Array(10).fill(throttled), started] }),
    );
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'unpacked' } });
    expect(result.seconds).toBeGreaterThan(7 * DAY + 600);
  });

  it.each([
    ['Lambda.TooManyRequestsException', 12],
    ['SecretUnavailableError', 8],
  ])('goes on after %s was answered %i times', async (error, times) => {
    const failure = { fail: { error, cause: 'not now' } };
    const result = await run(
      await definition(),
      INPUT,
      tasks({ CheckStatus: [...Array(times).fill(failure), COMPLETED] }),
    );
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'unpacked' } });
  });

  it('costs 3 transitions for each further poll and waits as long as the latest answer says', async () => {
    const polls = [600, 3600].map((delaySeconds) => answer({ phase: 'wait', delaySeconds }));
    const result = await run(await definition(), INPUT, tasks({ CheckStatus: [...polls, COMPLETED] }));

    expect(result.transitions).toBe(16);
    expect(payloads(result.calls, 'CheckStatus')).toHaveLength(3);
    expect(result.seconds).toBe(7 * DAY);
    const lastOfSeries = await run(
      await definition(),
      INPUT,
      tasks({ CheckStatus: [...polls, answer({ phase: 'ended', outcome: 'job-error' })] }),
    );
    expect(lastOfSeries.seconds).toBe(DAY + 600 + 3600);
  });

  it('ends without another instance where the series ends, with the outcome of the last step', async () => {
    const fetched = answer({ phase: 'unpack', outcome: 'fetched-partial' });
    const unpacked = { return: { phase: 'unpacked', cursor: null, outcome: 'unpacked-with-refusals' } };
    const result = await run(
      await definition(),
      INPUT,
      tasks({ FetchArchives: [fetched], UnpackArchives: [unpacked] }),
    );

    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'unpacked-with-refusals' } });
    expect(result.path.slice(-2)).toEqual(['Are Archives Unpacked', 'Done']);
    expect(starts(result.calls)).toEqual([]);
    expect(result.seconds).toBe(DAY);
  });

  it.each([
    ['ended', { phase: 'ended', outcome: 'grant-revoked' }, ['What Comes Next', 'Done']],
    ['next', { phase: 'next', outcome: 'job-error', ...NEXT }, ['Wait For Period', 'Start Next Instance']],
  ])('goes on as Check Status says: %s', async (_, status, lastStates) => {
    const result = await run(await definition(), INPUT, tasks({ CheckStatus: [answer(status)] }));
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: status.outcome } });
    expect(result.path.slice(-2)).toEqual(lastStates);
    expect(payloads(result.calls, 'FetchArchives')).toEqual([]);
  });

  it('asks Check Status at once when Submit Request has nothing to wait for', async () => {
    const submit = answer({ phase: 'ended', outcome: 'erased' });
    const check = answer({ phase: 'ended', outcome: 'erased' });
    const result = await run(
      await definition(),
      INPUT,
      tasks({ SubmitRequest: [submit], CheckStatus: [check] }),
    );
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'erased' }, seconds: 0 });
  });

  it('submits again, fetches again and unpacks at once where a step says so', async () => {
    const result = await run(
      await definition(),
      INPUT,
      tasks({
        CheckStatus: [answer({ phase: 'submit' }), COMPLETED, answer({ phase: 'unpack', ...NEXT })],
        FetchArchives: [
          answer({ phase: 'fetch', outcome: 'in-progress' }),
          answer({ phase: 'wait', delaySeconds: 900, outcome: 'apple-unavailable' }),
        ],
      }),
    );
    expect(result.status).toBe('SUCCEEDED');
    expect(payloads(result.calls, 'SubmitRequest')).toHaveLength(2);
    expect(payloads(result.calls, 'FetchArchives')).toHaveLength(2);
    expect(result.path.slice(-5)).toEqual(['What Comes Next', ...PLAIN_PATH.slice(-4)]);
  });

  it('unpacks from cursor to cursor', async () => {
    const cursors = [
      { archive: 1, entry: 700 },
      { archive: 2, entry: 1 },
    ];
    const more = cursors.map((cursor) => ({ return: { phase: 'more', cursor, outcome: 'in-progress' } }));
    const result = await run(await definition(), INPUT, tasks({ UnpackArchives: [...more, UNPACKED] }));
    expect(result.status).toBe('SUCCEEDED');
    const handed = payloads(result.calls, 'UnpackArchives') as { cursor: unknown }[];
    expect(handed.map(({ cursor }) => cursor)).toEqual([null, ...cursors]);
  });

  it('starts no further instance of a grant that was erased while its archives were unpacked', async () => {
    const erased = { return: { phase: 'erased', cursor: null, outcome: 'erased' } };
    const result = await run(await definition(), INPUT, tasks({ UnpackArchives: [erased] }));
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'erased' } });
    expect(starts(result.calls)).toEqual([]);
  });

  it('is content when the next instance has been started already', async () => {
    const exists = { fail: { error: 'StepFunctions.ExecutionAlreadyExistsException', cause: 'used' } };
    const result = await run(await definition(), INPUT, tasks({ [START_EXECUTION]: [exists] }));
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'unpacked' } });
    expect(starts(result.calls)).toHaveLength(1);
  });

  it('starts the next instance at once when unpacking fails, and fails all the same', async () => {
    const failure = { throw: { name: 'IntegrityError', message: 'archive 1 of request is shorter' } };
    const result = await run(await definition(), INPUT, tasks({ UnpackArchives: [failure] }));
    expect(result).toMatchObject({ status: 'FAILED', error: 'AccountDataTransferFailedError' });
    expect(result.cause).toContain('could not be unpacked (IntegrityError)');
    expect(starts(result.calls)).toHaveLength(1);
    expect(result.seconds).toBe(DAY);
  });

  it('fails when unpacking fails, whether the next instance has been started or there is none', async () => {
    const failure = { throw: { name: 'IntegrityError', message: 'archive 1 of request is shorter' } };
    const exists = { fail: { error: 'StepFunctions.ExecutionAlreadyExistsException', cause: 'used' } };
    const again = tasks({ UnpackArchives: [failure], [START_EXECUTION]: [exists] });
    expect(await run(await definition(), INPUT, again)).toMatchObject({
      status: 'FAILED',
      error: 'AccountDataTransferFailedError',
    });
    const last = tasks({ UnpackArchives: [failure], FetchArchives: [answer({ phase: 'unpack' })] });
    const result = await run(await definition(), INPUT, last);
    expect(result).toMatchObject({ status: 'FAILED', error: 'AccountDataTransferFailedError' });
    expect(starts(result.calls)).toEqual([]);
  });

  it.each(['SubmitRequest', 'CheckStatus', 'FetchArchives'])(
    'fails in the state itself when %s fails, so that the execution can be redriven there',
    async (name) => {
      const failure = { throw: { name: 'ApiContractError', message: 'jobStatus is "paused"' } };
      const result = await run(await definition(), INPUT, tasks({ [name]: [failure] }));
      expect(result).toMatchObject({ status: 'FAILED', error: 'ApiContractError' });
      expect(payloads(result.calls, name)).toHaveLength(1);
      expect(starts(result.calls)).toEqual([]);
    },
  );

  it('goes on in the state that failed when it is redriven', async () => {
    const failure = { throw: { name: 'ApiContractError', message: 'jobStatus is "paused"' } };
    const { runner, scripted, start } = scriptedRunner(tasks({ CheckStatus: [failure, COMPLETED] }));
    const { executionArn, result } = start(await definition(), INPUT);
    expect((await result).status).toBe('FAILED');

    const redriven = await runner.redriveExecution(executionArn).result;

    expect(redriven).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'unpacked' } });
    expect(payloads(scripted.calls, 'SubmitRequest')).toHaveLength(1);
    expect(starts(scripted.calls)).toHaveLength(1);
  });

  it.each([
    ['CheckStatus', answer({ phase: 'paused' })],
    ['UnpackArchives', { return: { phase: 'paused', cursor: null, outcome: 'unpacked' } }],
  ])('fails on a phase of %s that it does not know, and names it', async (name, behaviour) => {
    const result = await run(await definition(), INPUT, tasks({ [name]: [behaviour] }));
    expect(result).toMatchObject({ status: 'FAILED', error: 'AccountDataTransferFailedError' });
    expect(result.cause).toContain('paused');
  });

  it('stays far below the limit of events when Apple is polled for 14 days', async () => {
    const hourly = Array.from({ length: 14 * 24 }, () => answer({ phase: 'wait', delaySeconds: 3600 }));
    const { start } = scriptedRunner(tasks({ CheckStatus: [...hourly, COMPLETED] }));
    const result = await start(await definition(), INPUT).result;
    expect(result.status).toBe('SUCCEEDED');
    expect(result.history.length).toBeLessThan(6000);
  });
});
