import type { ExecutionResult } from './contract.ts';
import type { MapState } from './definition.ts';
import { StateFailure } from './errors.ts';
import type { Visit } from './execution.ts';
import { isObject } from './json.ts';
import { type ObjectStore, ObjectStoreError, requiredStore } from './object-store.ts';
import { type Bindings, evaluateTemplate } from './templates.ts';

/** How one child execution ended. */
export interface ChildOutcome {
  readonly executionArn: string;
  readonly name: string;
  readonly input: unknown;
  /** ISO 8601 with milliseconds. */
  readonly startTime: string;
  readonly stopTime: string;
  readonly redriveCount: number;
  readonly result: ExecutionResult;
}

/** A Map Run that has ended. */
interface EndedMapRun {
  readonly mapRunArn: string;
  /** Of the children. */
  readonly stateMachineArn: string;
  readonly outcomes: readonly ChildOutcome[];
}

/**
 * The result of a Distributed Map: its children's outputs in order, or, with a ResultWriter that names a bucket,
 * where they were written. Rejects with `States.ResultWriterFailed`, or with MissingObjectStoreError where the
 * runner has no store.
 */
export async function writeResults(
  visit: Visit,
  state: MapState,
  mapRun: EndedMapRun,
  bindings: Bindings,
): Promise<unknown> {
  const writer = state.ResultWriter;
  const transformation =
    writer?.WriterConfig?.Transformation ?? (writer?.Resource === undefined ? 'COMPACT' : 'NONE');
  const entriesOf = (outcomes: readonly ChildOutcome[]) =>
    outcomes.flatMap((outcome) => transformed(outcome, transformation, mapRun.stateMachineArn));
  if (writer?.Resource === undefined) return entriesOf(mapRun.outcomes);
  const { services, identity } = visit.walk.execution;
  const objects = requiredStore(services.objects, identity.executionArn, 'ResultWriter');
  const { Bucket, Prefix } = await destinationOf(visit, writer.Arguments, bindings);
  const runId = mapRun.mapRunArn.slice(mapRun.mapRunArn.lastIndexOf(':') + 1);
  const folder = [Prefix.replace(/\/$/, ''), runId].filter((part) => part !== '').join('/');
  const resultFiles: Record<string, { Key: string; Size: number }[]> = {
    FAILED: [],
    PENDING: [],
    SUCCEEDED: [],
  };
  const outputType = writer.WriterConfig?.OutputType ?? 'JSON';
  for (const kind of ['FAILED', 'SUCCEEDED'] as const) {
    const outcomes = mapRun.outcomes.filter(
      ({ result }) => (result.status === 'SUCCEEDED') === (kind === 'SUCCEEDED'),
    );
    if (outcomes.length === 0) continue;
    const Key = `${folder}/${kind}_0.${outputType === 'JSON' ? 'json' : 'jsonl'}`;
    const text = formatted(entriesOf(outcomes), outputType);
    await write(visit, objects, Bucket, Key, text);
    resultFiles[kind] = [{ Key, Size: Buffer.byteLength(text) }];
  }
  const Key = `${folder}/manifest.json`;
  const manifest = { DestinationBucket: Bucket, MapRunArn: mapRun.mapRunArn, ResultFiles: resultFiles };
  await write(visit, objects, Bucket, Key, JSON.stringify(manifest));
  return { MapRunArn: mapRun.mapRunArn, ResultWriterDetails: { Bucket, Key } };
}

function transformed(
  outcome: ChildOutcome,
  transformation: 'NONE' | 'COMPACT' | 'FLATTEN',
  stateMachineArn: string,
): readonly unknown[] {
  const { result } = outcome;
  if (transformation === 'NONE') return [withMetadata(outcome, stateMachineArn)];
  if (result.status !== 'SUCCEEDED') {
    return [{ Status: result.status, Error: result.error ?? '', Cause: result.cause ?? '' }];
  }
  return transformation === 'FLATTEN' && Array.isArray(result.output) ? result.output : [result.output];
}

function withMetadata(outcome: ChildOutcome, stateMachineArn: string): Record<string, unknown> {
  const { executionArn, name, input, startTime, stopTime, redriveCount, result } = outcome;
  return {
    ExecutionArn: executionArn,
    Input: JSON.stringify(input),
    InputDetails: { Included: true },
    Name: name,
    ...(result.status === 'SUCCEEDED'
      ? { Output: JSON.stringify(result.output), OutputDetails: { Included: true } }
      : { Error: result.error ?? '', Cause: result.cause ?? '' }),
    RedriveCount: redriveCount,
    StartDate: startTime,
    StateMachineArn: stateMachineArn,
    Status: result.status,
    StopDate: stopTime,
  };
}

function formatted(entries: readonly unknown[], outputType: 'JSON' | 'JSONL'): string {
  if (outputType === 'JSON') return JSON.stringify(entries);
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

async function destinationOf(
  visit: Visit,
  argumentsTemplate: unknown,
  bindings: Bindings,
): Promise<{ readonly Bucket: string; readonly Prefix: string }> {
  const { evaluator } = visit.walk.execution.services;
  const value = await evaluateTemplate(evaluator, argumentsTemplate, 'ResultWriter/Arguments', bindings);
  const { Bucket, Prefix = '' } = isObject(value) ? value : {};
  if (typeof Bucket !== 'string' || typeof Prefix !== 'string') {
    throw failed('The Arguments of the ResultWriter must name a Bucket and a Prefix as strings.');
  }
  return { Bucket, Prefix };
}

async function write(
  visit: Visit,
  objects: ObjectStore,
  bucket: string,
  key: string,
  text: string,
): Promise<void> {
  const { scheduler } = visit.walk.execution.services;
  try {
    const work = () => objects.writeObject(bucket, key, text);
    await visit.walk.participant.outside(() => scheduler.whileHeld(work));
  } catch (error) {
    throw error instanceof ObjectStoreError ? failed(error.message) : error;
  }
}

function failed(cause: string): StateFailure {
  return new StateFailure({ error: 'States.ResultWriterFailed', cause });
}
