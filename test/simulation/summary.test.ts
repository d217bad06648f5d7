import { describe, expect, it } from 'vitest';
import type { RunOutcome } from '../../lambdas/lib/analytics/contracts.ts';
import { jsonText } from '../../lambdas/lib/lake/object-store.ts';
import { closeWorldsAfterEach, outcomeOf, recordsOf, startWorld } from '../support/bad-input.ts';

closeWorldsAfterEach();

describe('the summary of a run', () => {
  it('counts an app whose last step ended without a result as failed, although nobody recorded its failure', async () => {
    const world = await startWorld();
    expect(outcomeOf(await world.startExecution('first')).failedApps).toBe(0);
    const keys = await world.lake.list('runs/main/first/outcomes/');
    const last = keys.at(-1) ?? '';
    const record = (await recordsOf(world, 'first')).at(-1);
    expect(record).toMatchObject({ step: 'curate', phase: 'curated' });
    await world.lake.writeText(last, jsonText({ ...record, phase: null }));

    const again = (await world.callFunction('SummarizeRun', {
      account: world.account,
      execution: 'first',
    })) as RunOutcome;

    expect(again.failedApps).toBe(1);
  });

  it.each(['landed', 'stopped'])(
    'counts an app whose curation left no record as failed, whatever came before (%s)',
    async (phase) => {
      const world = await startWorld();
      outcomeOf(await world.startExecution('first'));
      const records = await recordsOf(world, 'first');
      const landing = records.find(({ step }) => step === 'land');
      expect(landing).toMatchObject({ phase: 'landed' });
      const run = 'runs/main/without-curation';
      await world.lake.writeText(
        `${run}/apps.json`,
        jsonText({ appIds: [landing?.appId], calls: 0, lowestBudget: null, notes: [] }),
      );
      await world.lake.writeText(
        `${run}/outcomes/${landing?.appId}/2-land.json`,
        jsonText({ ...landing, phase }),
      );

      const summary = (await world.callFunction('SummarizeRun', {
        account: world.account,
        execution: 'without-curation',
      })) as RunOutcome;

      expect(summary).toMatchObject({ apps: 1, failedApps: 1 });
    },
  );

  it('counts an app that left no record at all as failed', async () => {
    const world = await startWorld();
    outcomeOf(await world.startExecution('first'));
    await world.lake.writeText(
      'runs/main/empty/apps.json',
      jsonText({ appIds: ['1'], calls: 0, lowestBudget: null, notes: [] }),
    );

    const summary = (await world.callFunction('SummarizeRun', {
      account: world.account,
      execution: 'empty',
    })) as RunOutcome;

    expect(summary).toMatchObject({ apps: 1, failedApps: 1 });
  });
});
