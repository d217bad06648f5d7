import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { PolicySet } from '../../local/iam/evaluate.ts';
import { loadPolicies } from '../../local/iam/load-policies.ts';
import { type AssembledProduct, assembledProduct } from '../support/assembled-product.ts';
import { synthesizeProduct } from '../support/product-assembly.ts';
import { ACCOUNT_DATA_FLOWS } from './account-data-flows.ts';
import { differenceOf, FLOW_ACCOUNT, FLOWS, type Flow, runFlow } from './permission-flows.ts';
import { type Baseline, breakageOf, type Grant, grantsOf, recording } from './permission-grants.ts';

/**
 * `npm run check:permissions [-- <text> ...]`: takes every granted action on every resource out of the synthesized
 * policies in turn and runs the flows that used it. Exit code 1 when a grant is needed by none; texts limit it to
 * grants whose name contains one of them, and to the flows of the stacks that these are in.
 */

/** Actions, each with its resource, that nothing local asks for, and the reason why they stay in the templates. */
const NOT_ASKED_HERE: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^logs:/, 'Lambda and Step Functions write logs with the role'],
  [/^xray:/, 'tracing'],
  [/^sqs:SendMessage /, 'the dead-letter queue of the schedules'],
  [
    /^states:(StopExecution|RedriveExecution) (?!.*:account-data-transfer:)/,
    'AWS asks for it to stop and redrive a Distributed Map',
  ],
  [/^lambda:InvokeFunction .*:\*$/, 'CDK adds versions and aliases to what a schedule may invoke'],
];

const isOfAccountData = (roleArn: string) => roleArn.includes('AppleDataPipelineAccountData');

/** Each stack's flows, with the roles whose grants they may need. */
const FLOWS_OF_STACKS: readonly (readonly [(roleArn: string) => boolean, readonly Flow[]])[] = [
  [(roleArn) => !isOfAccountData(roleArn), FLOWS],
  [isOfAccountData, ACCOUNT_DATA_FLOWS],
];

function whyNotAsked({ statement }: Grant): string | undefined {
  const asked = statement.actions.flatMap((action) => statement.resources.map((each) => `${action} ${each}`));
  return NOT_ASKED_HERE.find(([pattern]) => asked.every((each) => pattern.test(each)))?.[1];
}

async function baselineOf(product: AssembledProduct, policies: PolicySet, flow: Flow): Promise<Baseline> {
  const started = performance.now();
  const { used, refused, authorize } = recording(policies);
  const runUnder: Baseline['runUnder'] = (other) => runFlow(product, flow, other);
  const outcome = await runUnder(authorize);
  const seconds = (performance.now() - started) / 1000;
  const again = differenceOf(outcome, await runUnder(recording(policies).authorize));
  if (again !== undefined) throw new Error(`"${flow.name}" does not end the same way twice: ${again}`);
  console.log(`${flow.name}: uses ${used.size} grants, ${seconds.toFixed(1)} s`);
  for (const [what, value] of Object.entries(outcome)) {
    if (/^(run |flow|unfinished)/.test(what)) console.log(`    ${what}: ${value}`);
  }
  for (const call of refused) console.log(`    refused although everything is granted: ${call}`);
  return { flowName: flow.name, outcome, used, runUnder };
}

/** Returns how many grants nothing needs; those of all names when there is no text. */
async function check(product: AssembledProduct, texts: readonly string[]): Promise<number> {
  const policies = loadPolicies(product.assembly);
  const grants = grantsOf(policies).filter(
    ({ name }) => texts.length === 0 || texts.some((text) => name.includes(text)),
  );
  const baselines: Baseline[] = [];
  for (const [isOfStack, flows] of FLOWS_OF_STACKS) {
    if (!grants.some(({ roleArn }) => isOfStack(roleArn))) continue;
    for (const flow of flows) baselines.push(await baselineOf(product, policies, flow));
  }
  let needed = 0;
  const unneeded: string[] = [];
  for (const grant of grants) {
    const reason = whyNotAsked(grant);
    if (reason !== undefined) {
      console.log(`not asked here  ${grant.name} (${reason})`);
      continue;
    }
    const breakage = await breakageOf(policies, grant, baselines);
    if (breakage === undefined) {
      unneeded.push(grant.name);
      console.log(`NOT NEEDED      ${grant.name}`);
    } else {
      needed += 1;
      console.log(`needed          ${grant.name}\n    ${breakage}`);
    }
  }
  console.log(`${needed} grants are needed, ${unneeded.length} are not`);
  for (const name of unneeded) console.log(`take it out of the template: ${name}`);
  return unneeded.length;
}

const started = performance.now();
const directory = await mkdtemp(join(tmpdir(), 'check-permissions-'));
try {
  await synthesizeProduct(directory);
  const product = await assembledProduct(directory, FLOW_ACCOUNT);
  try {
    process.exitCode = (await check(product, process.argv.slice(2))) === 0 ? 0 : 1;
  } finally {
    await product.close();
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
