import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Grant } from '../../lambdas/lib/account-data/grant.ts';
import { dueInstance } from '../../local/commands/grant-standing.ts';
import { startable } from '../../local/commands/grants-actions.ts';
import { importGrants } from '../../local/commands/grants-import.ts';
import { openLakeGrants } from '../../local/commands/grants-lake.ts';
import { type LakeMachine, openLakeMachine } from '../../local/commands/grants-lake-machine.ts';
import { readGrants } from '../../local/commands/stored-grants.ts';
import type { AssembledProduct, AssembledWorld } from '../support/assembled-product.ts';
import { sharedProduct } from '../support/shared-product.ts';

const START = Date.parse('2026-06-03T00:00:00Z');
const HALF_A_DAY = 43_200_000;

let product: AssembledProduct;
let world: AssembledWorld;
let lakeDirectory: string;

beforeAll(async () => {
  product = await sharedProduct({ reports: ['App Crashes'], granularities: ['DAILY'], concurrency: 1 });
  lakeDirectory = await mkdtemp(join(tmpdir(), 'grants-lake-'));
  world = await product.world({
    scenario: { apps: [{ name: 'Nobody asks' }] },
    accountData: {
      people: [
        { externalId: 'once', archives: 2 },
        { externalId: 'withdrawn', mode: 'DAILY_30', consentWithdrawnOnDay: 2.5 },
        { externalId: 'weekly', mode: 'WEEKLY_180', region: 'JP' },
        { externalId: 'spare', mode: 'WEEKLY_180', region: 'UK' },
      ],
    },
    start: START,
  });
  const lines = world.accountData.grants.map((grant) => JSON.stringify(grant)).join('\n');
  const lake = await openLakeGrants(lakeDirectory, world.clock);
  await importGrants(lake.grants, lines);
  await lake.close();
});
afterAll(async () => {
  await world?.close();
  await product?.close();
  await rm(lakeDirectory, { recursive: true, force: true });
});

async function grantOf(externalId: string): Promise<Grant> {
  const lake = await openLakeGrants(lakeDirectory, world.clock);
  try {
    const found = (await readGrants(lake.grants)).find((grant) => grant.externalId === externalId);
    if (found === undefined) throw new Error(`nobody is called ${externalId}`);
    return found;
  } finally {
    await lake.close();
  }
}

/** The command's machine over the lake, with what the command line would have said. */
async function withMachine<Result>(work: (machine: LakeMachine) => Promise<Result>): Promise<Result> {
  const { clientPrivateKeyPem, clientKeyId, teamId, clientId } = world.accountData.credentials;
  const dataSharing = { privateKey: clientPrivateKeyPem, keyId: clientKeyId, teamId, clientId };
  const machine = await openLakeMachine({
    lakeDirectory,
    apple: { dataSharingSecret: JSON.stringify(dataSharing), baseUrls: {}, trustedOrigins: [] },
    clock: world.clock,
    assembly: product.assembly,
  });
  try {
    return await work(machine);
  } finally {
    await machine.close();
  }
}

describe('npm run grants -- start --lake', () => {
  it('runs the machine to the end of every series, following the instances', async () => {
    const due = [dueInstance(await grantOf('once')), dueInstance(await grantOf('withdrawn'))];
    const executions = await withMachine((machine) => machine.run(due, new AbortController().signal));
    expect(executions.map(({ status }) => status)).toEqual(executions.map(() => 'SUCCEEDED'));
    expect(executions).toHaveLength(4);

    const once = await grantOf('once');
    expect(once.series).toMatchObject([{ status: 'ended', instances: [{ state: 'fetched' }] }]);
    const archives = await readdir(join(lakeDirectory, 'personal', 'archives', `grant=${once.grantId}`), {
      recursive: true,
    });
    expect(archives.filter((name) => name.endsWith('.zip'))).toHaveLength(2);
    const withdrawn = await grantOf('withdrawn');
    expect(withdrawn.status).toBe('revoked');
    expect(withdrawn.series[0]?.instances.map(({ state }) => state).slice(0, 2)).toEqual([
      'fetched',
      'fetched',
    ]);
    expect(world.accountData.violations).toEqual([]);
  });

  it('leaves what waits when it is interrupted, and goes on when it is started again', async () => {
    const first = dueInstance(await grantOf('weekly'));
    const interruption = new AbortController();
    const { executions: interrupted, release } = await withMachine(async (machine) => {
      const running = machine.run([first], interruption.signal);
      await world.clock.sleep(HALF_A_DAY);
      const release = world.clock.hold();
      interruption.abort();
      return { executions: await running, release };
    });
    release();
    expect(interrupted.map(({ status }) => status)).toEqual(['RUNNING']);
    const waiting = await grantOf('weekly');
    expect(waiting.series[0]?.instances).toMatchObject([{ state: 'in-progress' }]);
    expect(dueInstance(waiting)).toEqual(first);
    expect(world.accountData.requests().filter(({ externalId }) => externalId === 'weekly')).toHaveLength(1);
  });
});

describe('npm run grants -- cancel --lake', () => {
  it('cancels at Apple what is in progress, and marks the series', async () => {
    const { grantId } = await grantOf('weekly');
    const answer = await withMachine((machine) => machine.cancel(grantId, 'series'));
    expect(answer).toMatchObject({ result: 'cancelled', nextInstance: null });
    expect((await grantOf('weekly')).series).toMatchObject([{ status: 'ended', endedBy: 'cancelled' }]);
    expect(world.accountData.requests().find(({ externalId }) => externalId === 'weekly')?.status).toBe(
      'cancelled',
    );
  });

  it('says so when there is nothing to cancel', async () => {
    const { grantId } = await grantOf('spare');
    const answer = await withMachine((machine) => machine.cancel(grantId, 'series'));
    expect(answer.result).toBe('nothing-to-cancel');
  });
});

describe('what npm run grants -- start works on', () => {
  it('is every active grant that is not at its end, or those that are named', async () => {
    const lake = await openLakeGrants(lakeDirectory, world.clock);
    try {
      const all = await startable(lake.grants, []);
      expect(all.map(({ grant }) => grant.externalId)).toEqual(['spare']);
      const named = await startable(lake.grants, ['once', 'withdrawn']);
      expect(named).toMatchObject([
        { reference: { series: 2, instance: 1 } },
        { refusal: expect.stringContaining('revoked') },
      ]);
    } finally {
      await lake.close();
    }
  });
});
