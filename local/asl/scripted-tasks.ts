import { z } from 'zod';
import type { Clock, VirtualClock } from '../clock.ts';
import { isObject } from './json.ts';
import { isLambdaInvoke } from './lambda-arguments.ts';
import { type ListedObject, type ObjectStore, ObjectStoreError } from './object-store.ts';
import { StepFunctionsTaskError, type TaskCall } from './runner.ts';

const delay = { delaySeconds: z.number().nonnegative().optional() };
const behaviourSchema = z.union([
  z.strictObject({ return: z.json(), ...delay }),
  z.strictObject({ echo: z.literal(true), ...delay }),
  z.strictObject({ throw: z.object({ name: z.string(), message: z.string() }), ...delay }),
  z.strictObject({
    fail: z.object({ error: z.string().optional(), cause: z.string().optional() }),
    ...delay,
  }),
]);

/** How one attempt of a task answers. */
type Behaviour = z.infer<typeof behaviourSchema>;

const tasksSchema = z.looseObject({
  $s3: z.record(z.string(), z.record(z.string(), z.string())).optional(),
});

/** One attempt as the command reports it. */
export interface RecordedCall {
  readonly resource: string;
  readonly input: unknown;
}

/** Tasks that answer by a script: the n-th attempt of a key by its n-th behaviour, the last one again and again. */
export class ScriptedTasks implements ObjectStore {
  readonly calls: RecordedCall[] = [];
  readonly #behaviours = new Map<string, readonly Behaviour[]>();
  readonly #attempts = new Map<string, number>();
  readonly #buckets = new Map<string, Map<string, string>>();
  readonly #clock: Clock | VirtualClock;

  /** `tasks` as the `--tasks` file holds it. Throws a ZodError that names the key when it is malformed. */
  constructor(tasks: unknown, clock: Clock | VirtualClock) {
    this.#clock = clock;
    const { $s3 = {}, ...scripts } = tasksSchema.parse(tasks);
    for (const [key, script] of Object.entries(scripts)) {
      this.#behaviours.set(key, z.array(behaviourSchema).parse(script, { reportInput: false }));
    }
    for (const [bucket, objects] of Object.entries($s3)) {
      this.#buckets.set(bucket, new Map(Object.entries(objects)));
    }
  }

  /** The runner's TaskInvoker. */
  readonly invoke = async (call: TaskCall): Promise<unknown> => {
    this.calls.push({ resource: call.resource, input: call.arguments });
    const invokesFunction = isLambdaInvoke(call.resource);
    const members = isObject(call.arguments) ? call.arguments : {};
    const key = invokesFunction ? String(members.FunctionName) : call.resource;
    const behaviour = this.#nextBehaviour(key);
    if (behaviour === undefined) {
      throw new StepFunctionsTaskError({
        error: 'States.TaskFailed',
        cause: `No behaviour is scripted for ${key}.`,
      });
    }
    if (behaviour.delaySeconds !== undefined) await this.#wait(behaviour.delaySeconds * 1000, call.signal);
    const functionPayload = 'Payload' in members ? members.Payload : {};
    const payload = invokesFunction ? functionPayload : call.arguments;
    const value = answer(behaviour, payload);
    if (!invokesFunction || call.resource.endsWith('.waitForTaskToken')) return value;
    return { ExecutedVersion: '$LATEST', Payload: value, StatusCode: 200 };
  };

  async readObject(bucket: string, key: string): Promise<string> {
    const text = this.#bucket(bucket).get(key);
    if (text === undefined) {
      throw new ObjectStoreError(`The specified key does not exist: s3://${bucket}/${key}`);
    }
    return text;
  }

  async listObjects(bucket: string, prefix: string): Promise<readonly ListedObject[]> {
    const objects = [...this.#bucket(bucket)].filter(([key]) => key.startsWith(prefix));
    return objects
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map(([Key, text]) => ({
        Key,
        Size: Buffer.byteLength(text),
        ETag: '""',
        LastModified: new Date(this.#clock.now()).toISOString(),
        StorageClass: 'STANDARD',
      }));
  }

  async writeObject(bucket: string, key: string, text: string): Promise<void> {
    this.#bucket(bucket).set(key, text);
  }

  #bucket(bucket: string): Map<string, string> {
    const objects = this.#buckets.get(bucket);
    if (objects === undefined) throw new ObjectStoreError(`The specified bucket does not exist: ${bucket}`);
    return objects;
  }

  #nextBehaviour(key: string): Behaviour | undefined {
    const script = this.#behaviours.get(key);
    const attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempt + 1);
    return script?.[Math.min(attempt, script.length - 1)];
  }

  async #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if ('sleepHeld' in this.#clock) await this.#clock.sleepHeld(milliseconds, signal);
    else await this.#clock.sleep(milliseconds, signal);
  }
}

function answer(behaviour: Behaviour, payload: unknown): unknown {
  if ('return' in behaviour) return behaviour.return;
  if ('echo' in behaviour) return payload;
  if ('throw' in behaviour) {
    const { name, message } = behaviour.throw;
    const cause = JSON.stringify({ errorMessage: message, errorType: name, trace: [] });
    throw new StepFunctionsTaskError({ error: name, cause });
  }
  const { error, cause } = behaviour.fail;
  throw new StepFunctionsTaskError({
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
  });
}
