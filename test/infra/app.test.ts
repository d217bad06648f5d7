import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contextWith, PROJECT_DIRECTORY, temporaryDirectory } from './synthesized.ts';

const assemblies = temporaryDirectory();

function runApp(changes: Readonly<Record<string, unknown>>): {
  status: number | null;
  stderr: string;
  files: string[];
} {
  const directory = mkdtempSync(join(assemblies, 'app-'));
  const { status, stderr } = spawnSync(process.execPath, ['infra/app.ts'], {
    cwd: PROJECT_DIRECTORY,
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      CDK_OUTDIR: directory,
      CDK_CONTEXT_JSON: JSON.stringify(contextWith(changes)),
    },
  });
  return { status, stderr, files: readdirSync(directory) };
}

describe('infra/app.ts', () => {
  it('writes the three templates where CDK_OUTDIR says, without a warning', () => {
    const { status, stderr, files } = runApp({});
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(files.filter((file) => file.endsWith('.template.json')).sort()).toEqual([
      'AppleDataPipelineCatalog.template.json',
      'AppleDataPipelineLake.template.json',
      'AppleDataPipelinePipeline.template.json',
    ]);
  });

  it('writes one more template for account data, given as JSON text as `cdk -c` gives it', () => {
    const appleDataPipeline = JSON.stringify({ accounts: [{ name: 'main' }], accountData: {} });
    const { status, stderr, files } = runApp({ appleDataPipeline });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(files.filter((file) => file.endsWith('.template.json'))).toContain(
      'AppleDataPipelineAccountData.template.json',
    );
  });

  it('ends with the named error and every problem of a bad configuration, and writes nothing', () => {
    const accounts = [{ name: 'main', reports: ['App Crash'], schedule: 'rate(1 hours)' }];
    const { status, stderr, files } = runApp({ appleDataPipeline: { accounts } });
    expect(status).toBe(1);
    expect(stderr).toContain('ConfigurationError: 2 problems in the configuration');
    expect(stderr).toContain('- accounts[0].reports[0]: "App Crash" is neither');
    expect(stderr).toContain('- accounts[0].schedule: rate takes the singular');
    expect(files).toEqual([]);
  });
});
