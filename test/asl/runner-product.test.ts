import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import aslValidator from 'asl-validator';
import { describe, expect, it } from 'vitest';
import { validateDefinition } from '../../local/asl/runner.ts';
import { scriptedRunner } from './run-machine.ts';

const FILE = join(import.meta.dirname, '../../statemachines/analytics-sync.asl.json');

/** The definition with every substitution filled in: functions by their name, as a function's ARN. */
async function definition(): Promise<unknown> {
  const text = await readFile(FILE, 'utf8');
  const filled = text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) =>
    name.endsWith('Arn') ? `arn:aws:lambda:us-east-1:111111111111:function:${name.slice(0, -3)}` : name,
  );
  return JSON.parse(filled) as unknown;
}

const functionArn = (name: string) => `arn:aws:lambda:us-east-1:111111111111:function:${name}`;

const INPUT = { account: { name: 'main', concurrency: 2 } };
const TASKS = {
  [functionArn('TakeAccountLease')]: [{ return: { lease: 'taken' } }],
  [functionArn('ListApps')]: [{ return: { phase: 'listed', appIds: ['1', '2'], delaySeconds: 0 } }],
  [functionArn('EnsureReportRequests')]: [{ return: { phase: 'ready', delaySeconds: 0 } }],
  [functionArn('ListNewInstances')]: [{ return: { phase: 'planned', planKey: 'plan', delaySeconds: 0 } }],
  [functionArn('LandSegments')]: [{ return: { phase: 'landed', delaySeconds: 0, cursor: 30 } }],
  [functionArn('CurateInstances')]: [{ return: { phase: 'curated', cursor: { after: 'last' } } }],
  [functionArn('SummarizeRun')]: [{ return: { failedApps: 0 } }],
  [functionArn('ReleaseAccountLease')]: [{ return: {} }],
  'arn:aws:states:::aws-sdk:s3:putObject': [{ return: {} }],
};

describe('the analytics-sync machine', () => {
  it('is one that the runner and asl-validator accept', async () => {
    const parsed = await definition();
    expect(validateDefinition(parsed)).toEqual([]);
    expect(aslValidator(parsed as Parameters<typeof aslValidator>[0])).toMatchObject({ isValid: true });
  });

  it('lands and curates every app with at most 10 billed transitions each', async () => {
    const { start } = scriptedRunner(TASKS);
    const result = await start(await definition(), INPUT).result;
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { failedApps: 0 } });
    expect(result.children).toHaveLength(2);
    for (const child of result.children) {
      expect(child.result.status).toBe('SUCCEEDED');
      expect(child.result.transitions + 1).toBeLessThanOrEqual(10);
    }
  });

  it('curates from cursor to cursor, then replaces a stopped request, with at most 12 billed transitions', async () => {
    const cursors = [{ after: 'a', partly: { manifestKey: 'b', publishedTo: '2026-01-01' } }, { after: 'b' }];
    const { scripted, start } = scriptedRunner({
      ...TASKS,
      [functionArn('ListApps')]: [{ return: { phase: 'listed', appIds: ['1'], delaySeconds: 0 } }],
      [functionArn('LandSegments')]: [{ return: { phase: 'replace', delaySeconds: 0, cursor: 30 } }],
      [functionArn('CurateInstances')]: [
        { return: { phase: 'more', cursor: cursors[0] } },
        { return: { phase: 'curated', cursor: cursors[1] } },
      ],
      [functionArn('ReplaceStoppedRequest')]: [{ return: { phase: 'replaced', delaySeconds: 0 } }],
    });

    const result = await start(await definition(), INPUT).result;

    expect(result.status).toBe('SUCCEEDED');
    const handed = scripted.calls
      .map(({ input }) => input as { FunctionName: string; Payload: { cursor: unknown } })
      .filter(({ FunctionName }) => FunctionName === functionArn('CurateInstances'));
    expect(handed.map(({ Payload }) => Payload.cursor)).toEqual([{ after: '' }, cursors[0]]);
    const [app] = result.children;
    expect(app?.result.path.slice(-5)).toEqual([
      'Curate Instances',
      'Is Everything Curated',
      'Replace Stopped Request',
      'Is Request Replaced',
      'App Done',
    ]);
    // One more invocation of Curate Instances costs two.
    expect((app?.result.transitions ?? Number.POSITIVE_INFINITY) + 1 - 2).toBeLessThanOrEqual(12);
  });

  it.each([
    ['EnsureReportRequests', { phase: 'stopped', delaySeconds: 0 }],
    ['ListNewInstances', { phase: 'stopped', planKey: '', count: 0, delaySeconds: 0 }],
    ['ListNewInstances', { phase: 'nothing-new', planKey: 'plan', count: 0, delaySeconds: 0 }],
    ['LandSegments', { phase: 'stopped', delaySeconds: 0, cursor: 0 }],
  ])('curates what lies there when %s answers %j', async (name, answer) => {
    const { start } = scriptedRunner({ ...TASKS, [functionArn(name)]: [{ return: answer }] });
    const result = await start(await definition(), INPUT).result;
    expect(result.status).toBe('SUCCEEDED');
    for (const child of result.children) {
      expect(child.result.path.slice(-3)).toEqual(['Curate Instances', 'Is Everything Curated', 'App Done']);
    }
  });

  it('waits as long as an app is told to, asks the same step again, and lets the other app go on', async () => {
    const ensure = [
      { return: { phase: 'throttled', delaySeconds: 600.5 } },
      { return: { phase: 'ready', delaySeconds: 0 } },
    ];
    const { clock, start } = scriptedRunner({ ...TASKS, [functionArn('EnsureReportRequests')]: ensure });
    const before = clock.now();
    const result = await start(await definition(), INPUT).result;
    expect(result.status).toBe('SUCCEEDED');
    expect(clock.now() - before).toBe(600_000);
    const paths = result.children.map((child) => child.result.path);
    expect(paths.at(-1)).toContain('Wait For Call Budget');
    expect(paths[0]).not.toContain('Wait For Call Budget');
  });

  it('records an app that fails and goes on with the other', async () => {
    const land = [
      { throw: { name: 'ApiContractError', message: 'not as agreed' } },
      ...(TASKS[functionArn('LandSegments')] ?? []),
    ];
    const { scripted, start } = scriptedRunner({ ...TASKS, [functionArn('LandSegments')]: land });
    const result = await start(await definition(), INPUT).result;
    expect(result.status).toBe('SUCCEEDED');
    const recorded = scripted.calls.filter(({ resource }) => resource.endsWith('putObject'));
    expect(recorded).toHaveLength(1);
    expect(recorded[0]?.input).toMatchObject({ Body: { appId: '1', error: 'ApiContractError' } });
  });
});
