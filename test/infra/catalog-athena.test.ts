import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readQueryFiles } from '../../infra/query-files.ts';
import { accountWith, catalogTemplate } from './catalog-template.ts';
import { PROJECT_DIRECTORY, readable, resourcesOf, temporaryDirectory } from './synthesized.ts';

describe('the workgroups', () => {
  const workgroupShape = z.looseObject({
    Name: z.string(),
    RecursiveDeleteOption: z.boolean(),
    WorkGroupConfiguration: z.looseObject({
      BytesScannedCutoffPerQuery: z.number(),
      ResultConfiguration: z.looseObject({
        OutputLocation: z.unknown(),
        EncryptionConfiguration: z.looseObject({ KmsKey: z.unknown() }),
      }),
    }),
  });
  const workgroupsOf = (template: Template) =>
    [...resourcesOf(template, 'AWS::Athena::WorkGroup').values()].map(({ Properties }) =>
      workgroupShape.parse(Properties),
    );

  it('let no client choose another place, encryption or limit', () => {
    const workgroups = workgroupsOf(catalogTemplate({}));
    expect(workgroups.map(({ Name }) => Name)).toEqual([
      'apple-analytics-people',
      'apple-analytics-automation',
    ]);
    for (const { Name, WorkGroupConfiguration } of workgroups) {
      expect(WorkGroupConfiguration).toMatchObject({
        EnforceWorkGroupConfiguration: true,
        PublishCloudWatchMetricsEnabled: true,
        RequesterPaysEnabled: false,
        EngineVersion: { SelectedEngineVersion: 'Athena engine version 3' },
        ResultConfiguration: { EncryptionConfiguration: { EncryptionOption: 'SSE_KMS' } },
      });
      const { OutputLocation, EncryptionConfiguration } = WorkGroupConfiguration.ResultConfiguration;
      expect(readable(OutputLocation)).toBe(`s3://<lake Results>/${Name}/`);
      expect(readable(EncryptionConfiguration.KmsKey)).toBe('<lake ResultsKey.Arn>');
    }
  });

  it('cancel a query at 10 GB for people and 1 GB for automation, or as configured', () => {
    const limits = (changes: Readonly<Record<string, unknown>>) =>
      workgroupsOf(catalogTemplate(changes)).map(
        ({ WorkGroupConfiguration }) => WorkGroupConfiguration.BytesScannedCutoffPerQuery,
      );
    expect(limits({})).toEqual([10_000_000_000, 1_000_000_000]);
    expect(limits(accountWith({}, { queryLimits: { automation: 0.01 } }))).toEqual([
      10_000_000_000, 10_000_000,
    ]);
  });

  it("are deleted with their users' history only when disposable", () => {
    const deletions = (changes: Readonly<Record<string, unknown>>) =>
      workgroupsOf(catalogTemplate(changes)).map((found) => found.RecursiveDeleteOption);
    expect(deletions({})).toEqual([false, false]);
    expect(deletions({ disposable: true })).toEqual([true, true]);
  });
});

describe('the saved queries', () => {
  it('are all of queries/ where the reports are the default ones and account data is transferred', () => {
    const template = catalogTemplate(accountWith({}, { accountData: {} }));
    const saved = [...resourcesOf(template, 'AWS::Athena::NamedQuery').values()];
    const files = readQueryFiles(`${PROJECT_DIRECTORY}queries`);
    expect(saved.map(({ Properties }) => Properties.Name)).toEqual(files.map(({ name }) => name));
    expect(saved.map(({ Properties }) => Properties.QueryString)).toEqual(files.map(({ text }) => text));
  });

  const folder = temporaryDirectory();
  writeFileSync(
    join(folder, 'crashes.sql'),
    '-- How often did it crash?\n--\n-- Columns: crashes\nSELECT SUM(crashes) AS crashes FROM app_crashes_daily\n',
  );
  writeFileSync(
    join(folder, 'crash-rate.sql'),
    '-- Crashes per session.\n--\nSELECT 1 FROM app_crashes_daily JOIN app_sessions_standard_daily USING (app_id)\n',
  );

  function savedWith(reports: readonly string[]): Map<string, Record<string, unknown>> {
    const template = catalogTemplate(accountWith({ reports }), folder);
    const saved = [...resourcesOf(template, 'AWS::Athena::NamedQuery').values()];
    return new Map(saved.map(({ Properties }) => [String(Properties.Name), Properties]));
  }

  it('stand in the workgroup of people under the names of their files, with their question', () => {
    expect(savedWith(['App Crashes', 'App Sessions Standard']).get('crashes')).toEqual({
      Name: 'crashes',
      Description: 'How often did it crash?',
      Database: 'apple_analytics',
      WorkGroup: 'apple-analytics-people',
      QueryString: expect.stringContaining('FROM app_crashes_daily'),
    });
  });

  it('leave out a query that reads a table of a report that no account asks for', () => {
    expect([...savedWith(['App Crashes', 'App Sessions Standard']).keys()]).toEqual([
      'crash-rate',
      'crashes',
    ]);
    expect([...savedWith(['App Crashes']).keys()]).toEqual(['crashes']);
  });
});
