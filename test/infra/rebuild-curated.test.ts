import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { REBUILD_CURATED_FUNCTIONS } from '../../infra/functions.ts';
import { rebuildFailuresPrefix, rebuildTablesPrefix } from '../../lambdas/lib/lake/keys.ts';
import { grantsOf, PROJECT_DIRECTORY, resourcesOf, synthesizeTemplates } from './synthesized.ts';

const { pipeline } = synthesizeTemplates();
const definition = readFileSync(`${PROJECT_DIRECTORY}statemachines/rebuild-curated.asl.json`, 'utf8');

const EXECUTIONS =
  'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<RebuildCurated.Name>';

describe('rebuild-curated', () => {
  it('may invoke its functions, list the tables, record failures and run its Distributed Map, nothing else', () => {
    const grants = grantsOf(pipeline, 'RebuildCuratedRole').filter(
      (grant) => !/^(logs|xray):\w+ \*$/.test(grant),
    );
    expect(grants).toEqual([
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      'lambda:InvokeFunction <ListLedger.Arn>',
      'lambda:InvokeFunction <RebuildTable.Arn>',
      'lambda:InvokeFunction <SummarizeRebuild.Arn>',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/runs/rebuild/*/failures/*',
      `states:DescribeExecution ${EXECUTIONS}:*`,
      `states:RedriveExecution ${EXECUTIONS}/Tables:*`,
      'states:StartExecution <RebuildCurated>',
      `states:StopExecution ${EXECUTIONS}:*`,
    ]);
  });

  it('reads its items and writes failures where the functions look for them', () => {
    const name = '$states.context.Execution.Name';
    expect(definition).toContain(`"{% '${rebuildTablesPrefix("' & NAME & '").replace('NAME', name)}' %}"`);
    const failures = rebuildFailuresPrefix("' & NAME & '");
    expect(definition).toContain(
      `"{% '${failures.replace('NAME', '$states.context.Execution.Input.execution')}' & `,
    );
  });

  it('holds no secret and knows no Apple in any of its functions', () => {
    for (const id of Object.keys(REBUILD_CURATED_FUNCTIONS)) {
      expect(grantsOf(pipeline, `${id}Role`).join()).not.toContain('secretsmanager');
      const [, found] = [...resourcesOf(pipeline, 'AWS::Lambda::Function')].find(([logicalId]) =>
        logicalId.startsWith(id),
      ) ?? [id, undefined];
      const variables = z
        .looseObject({ Variables: z.record(z.string(), z.unknown()) })
        .parse(found?.Properties.Environment).Variables;
      expect(Object.keys(variables).filter((variable) => variable.startsWith('APP_STORE'))).toEqual([]);
    }
  });

  it('is started by people: no schedule names it, an output does', () => {
    const schedules = JSON.stringify([...resourcesOf(pipeline, 'AWS::Scheduler::Schedule').values()]);
    expect(schedules).not.toContain('RebuildCurated');
    expect(pipeline.findOutputs('RebuildCuratedArn')).toHaveProperty('RebuildCuratedArn');
  });
});
