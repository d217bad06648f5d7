import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../local/asl/runner.ts';
import type { Authorize } from '../../local/aws-json/json-service.ts';
import { loadPolicies } from '../../local/iam/load-policies.ts';
import { policyAuthorization } from '../../local/iam/policy-authorization.ts';
import type { AssembledProduct, AssembledWorld } from '../support/assembled-product.ts';
import { objectKeys, readObject } from '../support/lake-files.ts';
import { sharedProduct } from '../support/shared-product.ts';

const REPORT = 'App Downloads Standard';
const START = Date.parse('2026-06-03T12:00:00Z');
const scenario = {
  apps: [{ reports: [REPORT], requests: [{ accessType: 'ONGOING' as const, createdDaysAgo: 2.2 }] }],
};

let product: AssembledProduct;
beforeAll(async () => {
  product = await sharedProduct({
    reports: [REPORT],
    granularities: ['DAILY'],
    concurrency: 1,
    callsInFlight: 1,
  });
});
afterAll(() => product?.close());

/** The product's own policies without one action of one role, where its resource contains `resourcePart`. */
function without(role: string, action: string, resourcePart = ''): Authorize {
  const { assembly } = product;
  const policies = loadPolicies(assembly);
  const identity = new Map(
    [...policies.identity].map(([arn, statements]) => [
      arn,
      statements.filter(
        ({ actions, resources }) =>
          !(
            arn.includes(`-${role}Role`) &&
            actions.includes(action) &&
            resources.some((resource) => resource.includes(resourcePart))
          ),
      ),
    ]),
  );
  return policyAuthorization(assembly, { ...policies, identity });
}

async function inWorld<T>(
  authorize: Authorize | undefined,
  use: (world: AssembledWorld) => Promise<T>,
): Promise<T> {
  const world = await product.world({
    scenario,
    start: START,
    ...(authorize === undefined ? {} : { authorize }),
  });
  // A run that may do nothing leaves no folder.
  await mkdir(join(world.lakeDirectory, 'analytics'), { recursive: true });
  try {
    return await use(world);
  } finally {
    await world.close();
  }
}

const keysOf = ({ lakeDirectory }: AssembledWorld, prefix: string) => objectKeys(lakeDirectory, prefix);

/** What the machine recorded about apps that failed. */
async function appErrors(world: AssembledWorld): Promise<string[]> {
  const failures = (await keysOf(world, 'runs/')).filter((key) => key.includes('/failures/'));
  return Promise.all(
    failures.map(async (key) => {
      const { error } = JSON.parse(String(await readObject(world.lakeDirectory, key))) as { error: string };
      return error;
    }),
  );
}

/** Failures of tasks and of the Map in the run itself, not in the children of its Map. */
function failuresOf({ history }: Pick<ExecutionResult, 'history'>): string {
  return JSON.stringify(history.filter(({ type }) => type.endsWith('Failed')));
}

describe('a run under the policies of the templates', () => {
  it('succeeds, with the policies as they are synthesized', async () => {
    await inWorld(undefined, async (world) => {
      expect((await world.sync('only')).status).toBe('SUCCEEDED');
      expect(await keysOf(world, 'raw/')).toHaveLength(2);
      expect(await keysOf(world, 'ledger/')).toHaveLength(2);
    });
  });

  it.each([
    ['kms:GenerateDataKey', 'AccessDenied'],
    ['secretsmanager:GetSecretValue', 'SecretUnavailableError'],
  ])('lands nothing when Land Segments lacks %s, and says %s', async (action, error) => {
    await inWorld(without('LandSegments', action), async (world) => {
      const result = await world.sync('only');
      expect(result).toMatchObject({ status: 'FAILED', error: 'AnalyticsSyncFailedError' });
      expect(await appErrors(world)).toEqual([error]);
      expect(await keysOf(world, 'raw/')).toEqual([]);
      expect(await keysOf(world, 'ledger/')).toEqual([]);
    });
  });

  it('names nothing as landed that the ledger could not take, and lands it once it may', async () => {
    let authorize = without('LandSegments', 's3:PutObject', '/ledger/');
    await inWorld(
      (request) => authorize(request),
      async (world) => {
        expect((await world.sync('denied')).status).toBe('FAILED');
        expect(await appErrors(world)).toEqual(['AccessDenied']);
        expect(await keysOf(world, 'ledger/')).toEqual([]);
        authorize = without('LandSegments', 'nothing:AtAll');
        expect((await world.sync('granted')).status).toBe('SUCCEEDED');
        expect(await keysOf(world, 'ledger/')).toHaveLength(2);
        expect(await keysOf(world, 'raw/')).toHaveLength(2);
        expect(await keysOf(world, 'superseded/')).toEqual([]);
      },
    );
  });

  it('fails with Lambda’s own error when the machine may not invoke its functions', async () => {
    await inWorld(without('AnalyticsSync', 'lambda:InvokeFunction'), async (world) => {
      const result = await world.sync('only');
      expect(result).toMatchObject({ status: 'FAILED', cause: 'ended by Lambda.AWSLambdaException' });
      expect(failuresOf(result)).toContain(
        'is not authorized to perform: lambda:InvokeFunction on resource: arn:',
      );
      expect(await keysOf(world, '')).toEqual([]);
    });
  });

  it('starts no child when the machine may not start itself', async () => {
    await inWorld(without('AnalyticsSync', 'states:StartExecution'), async (world) => {
      const result = await world.sync('only');
      expect(result).toMatchObject({
        status: 'FAILED',
        cause: 'ended by StepFunctions.AWSStepFunctionsException',
      });
      expect(failuresOf(result)).toContain('is not authorized to perform: states:StartExecution');
      expect(result.children).toEqual([]);
      expect(await keysOf(world, 'raw/')).toEqual([]);
    });
  });

  it('does not start when the schedule’s role may not start the machine', async () => {
    const [schedule] = product.assembly.schedules;
    const role = /-(\w+)Role/.exec(schedule?.roleArn ?? '')?.[1] ?? '';
    await inWorld(without(role, 'states:StartExecution'), async (world) => {
      await expect(world.runtime.runSchedules(START + 1)).rejects.toMatchObject({
        code: 'AccessDeniedException',
        message: expect.stringContaining('states:StartExecution'),
      });
      expect(world.runtime.executions).toEqual([]);
    });
  });
});
