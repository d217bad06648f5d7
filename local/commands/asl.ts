import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { createRunner, type ExecutionResult, seededRandom } from '../asl/runner.ts';
import { type RecordedCall, ScriptedTasks } from '../asl/scripted-tasks.ts';
import { VirtualClock } from '../clock.ts';

const START = Date.parse('2020-01-01T00:00:00Z');
const REGION = 'us-east-1';
const ACCOUNT_ID = '111111111111';
const STATE_MACHINE_ARN = `arn:aws:states:${REGION}:${ACCOUNT_ID}:stateMachine:machine`;

/** One machine to run: what the files, or one line of a batch, hold. */
interface MachineCase {
  readonly definition: unknown;
  readonly input: unknown;
  readonly tasks: unknown;
}

/** What is printed for a machine, one line each. */
interface Report {
  readonly status: ExecutionResult['status'];
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
  readonly transitions: number;
  readonly path: readonly string[];
  readonly calls: readonly RecordedCall[];
}

async function runCase({ definition, input, tasks }: MachineCase): Promise<Report> {
  const clock = new VirtualClock(START);
  const scripted = new ScriptedTasks(tasks, clock);
  const runner = createRunner({
    clock,
    invoke: scripted.invoke,
    objects: () => scripted,
    random: seededRandom(1),
    region: REGION,
    accountId: ACCOUNT_ID,
  });
  const handle = runner.startExecution({
    definition,
    input,
    name: 'execution',
    stateMachineArn: STATE_MACHINE_ARN,
  });
  const { status, output, error, cause, transitions, path } = await handle.result;
  return {
    status,
    ...(status === 'SUCCEEDED' ? { output } : {}),
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
    transitions,
    path,
    calls: scripted.calls,
  };
}

const batchLineSchema = z.looseObject({
  id: z.unknown(),
  definition: z.unknown(),
  input: z.unknown().default({}),
  tasks: z.unknown().default({}),
});

/** A line that could not even be tried: the definition is not the reason, so the cause says what is. */
function unusable(error: unknown): Report {
  const cause = error instanceof Error ? error.message : String(error);
  return { status: 'INVALID', error: 'InvalidCase', cause, transitions: 0, path: [], calls: [] };
}

async function runBatchLine(line: string): Promise<{ id: unknown } & Report> {
  let id: unknown = null;
  try {
    const parsed = batchLineSchema.parse(JSON.parse(line));
    id = parsed.id ?? null;
    return { id, ...(await runCase(parsed)) };
  } catch (error) {
    return { id, ...unusable(error) };
  }
}

async function print(report: Report): Promise<void> {
  const line = `${JSON.stringify(report)}\n`;
  if (process.stdout.write(line)) return;
  await new Promise<void>((resolve) => {
    process.stdout.once('drain', resolve);
  });
}

async function runBatch(file: string): Promise<void> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    if (line.trim() !== '') await print(await runBatchLine(line));
  }
}

interface Options {
  readonly definition?: string;
  readonly assembly?: string;
  readonly machine?: string;
  readonly input?: string;
  readonly tasks?: string;
  readonly batch?: string;
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as SyntaxError).message}`);
  }
}

async function definitionOf(options: Options): Promise<unknown> {
  if (options.definition !== undefined) return readJson(options.definition);
  if (options.assembly === undefined || options.machine === undefined) {
    throw new InvalidArgumentError(
      'give --definition FILE, --assembly DIR with --machine NAME, or --batch FILE',
    );
  }
  const { loadAssembly } = await import('../assembly/load.ts');
  return (await loadAssembly(options.assembly)).machine(options.machine).definition;
}

async function main(options: Options): Promise<void> {
  if (options.batch !== undefined) {
    await runBatch(options.batch);
    return;
  }
  const definition = await definitionOf(options);
  const input = options.input === undefined ? {} : await readJson(options.input);
  const tasks = options.tasks === undefined ? {} : await readJson(options.tasks);
  await print(await runCase({ definition, input, tasks }));
}

const program = new Command('asl')
  .description(
    'Runs one state machine, or a batch, in virtual time with scripted tasks; prints one line of JSON for each.',
  )
  .option('--definition <file>', 'the state machine, Amazon States Language with JSONata')
  .option('--assembly <dir>', 'a synthesized cloud assembly, instead of --definition')
  .option('--machine <name>', 'the state machine of the assembly')
  .option('--input <file>', 'the execution input, JSON (default: {})')
  .option('--tasks <file>', 'how tasks answer: { "<resource or function>": [behaviour, ...] } (default: {})')
  .option('--batch <file>', 'lines of { "id", "definition", "input", "tasks" }')
  .action(main);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`asl: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
