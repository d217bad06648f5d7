import { describe, expect, it } from 'vitest';
import {
  createRunner,
  type ObjectStore,
  ObjectStoreError,
  type ObjectStoreOf,
  seededRandom,
} from '../../local/asl/runner.ts';
import { VirtualClock } from '../../local/clock.ts';
import { machine, START } from './run-machine.ts';

const MACHINE_ARN = 'arn:aws:states:us-east-1:111111111111:stateMachine:machine';
const ECHO = 'arn:aws:states:::aws-sdk:service:echo';
const READER = {
  Resource: 'arn:aws:states:::s3:getObject',
  Arguments: { Bucket: 'b', Key: 'k' },
  ReaderConfig: { InputType: 'JSON' },
};
const WRITER = { Resource: 'arn:aws:states:::s3:putObject', Arguments: { Bucket: 'b', Prefix: 'p' } };

/** A Distributed Map whose every error is caught. */
const guarded = (fields: Record<string, unknown>) =>
  machine({
    M: {
      Type: 'Map',
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'C',
        States: { C: { Type: 'Task', Resource: ECHO, End: true } },
      },
      Catch: [
        {
          ErrorEquals: ['States.ALL'],
          Output: '{% $states.errorOutput %}',
          Next: 'Caught',
        },
      ],
      End: true,
      ...fields,
    },
    Caught: { Type: 'Pass', End: true },
  });

function run(definition: unknown, objects?: ObjectStoreOf, calls: unknown[] = []) {
  const runner = createRunner({
    clock: new VirtualClock(START),
    invoke: async ({ arguments: input }) => {
      calls.push(input);
      return input;
    },
    random: seededRandom(1),
    region: 'us-east-1',
    accountId: '111111111111',
    ...(objects === undefined ? {} : { objects }),
  });
  const handle = runner.startExecution({ definition, input: {}, name: 'n', stateMachineArn: MACHINE_ARN });
  return handle.result;
}

const store = (changes: Partial<ObjectStore> = {}): ObjectStore => ({
  readObject: async () => '[1,2]',
  listObjects: async () => [],
  writeObject: async () => {},
  ...changes,
});

describe('a Distributed Map and its object store', () => {
  it.each([
    ['ItemReader', { ItemReader: READER }],
    ['ResultWriter', { Items: [1], ResultWriter: WRITER }],
  ])(
    'ends the run by name, past every catcher and before any child, when %s has no store',
    async (field, fields) => {
      const calls: unknown[] = [];
      await expect(run(guarded(fields), undefined, calls)).rejects.toMatchObject({
        name: 'MissingObjectStore',
        message: expect.stringContaining(`execution:machine:n has a Map with ${field}`),
      });
      expect(calls).toEqual([]);
    },
  );

  it('needs no store for what it has in its state', async () => {
    const result = await run(guarded({ Items: [1], ResultWriter: { WriterConfig: { OutputType: 'JSON' } } }));
    expect(result.output).toEqual([1]);
  });

  it('asks for the store of the execution it runs in', async () => {
    const asked: string[] = [];
    const objects: ObjectStoreOf = (executionArn) => {
      asked.push(executionArn);
      return store();
    };
    expect((await run(guarded({ ItemReader: READER }), objects)).output).toEqual([1, 2]);
    expect(asked).toEqual(['arn:aws:states:us-east-1:111111111111:execution:machine:n']);
  });

  it.each([
    ['States.ItemReaderFailed', { ItemReader: READER }],
    ['States.ResultWriterFailed', { Items: [1], ResultWriter: WRITER }],
  ])('fails with %s when the store refuses', async (error, fields) => {
    const refuse = () => Promise.reject(new ObjectStoreError('Access Denied'));
    const objects = () => store({ readObject: refuse, writeObject: refuse });
    expect((await run(guarded(fields), objects)).output).toEqual({ Error: error, Cause: 'Access Denied' });
  });

  it.each([{ ItemReader: READER }, { Items: [1], ResultWriter: WRITER }])(
    'ends with a fault of the store that is no refusal: %j',
    async (fields) => {
      const breakDown = () => Promise.reject(new TypeError('broken stand-in'));
      const objects = () => store({ readObject: breakDown, writeObject: breakDown });
      await expect(run(guarded(fields), objects)).rejects.toThrow('broken stand-in');
    },
  );

  it('fails with States.ItemReaderFailed when its expression names no Key', async () => {
    const reader = { ...READER, Arguments: "{% {'Bucket': 'b'} %}" };
    expect((await run(guarded({ ItemReader: reader }), () => store())).output).toEqual({
      Error: 'States.ItemReaderFailed',
      Cause: 'The Arguments of the ItemReader must name a Bucket and a Key as strings.',
    });
  });
});
