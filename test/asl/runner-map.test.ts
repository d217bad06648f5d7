import { describe, expect, it } from 'vitest';
import { invoke, machine, run, scriptedRunner } from './run-machine.ts';

const inline = (fields: Record<string, unknown>, state: Record<string, unknown> = invoke('f')) =>
  machine({
    M: { Type: 'Map', ItemProcessor: { StartAt: 'I', States: { I: state } }, End: true, ...fields },
  });

const child = (states: Record<string, unknown>) => ({
  ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  StartAt: Object.keys(states)[0],
  States: states,
});

const echo = { C: { Type: 'Pass', End: true } };
const failingOn = (condition: string) => ({
  Check: { Type: 'Choice', Choices: [{ Condition: condition, Next: 'Bad' }], Default: 'Good' },
  Bad: { Type: 'Fail', Error: 'Boom', Cause: 'c' },
  Good: { Type: 'Succeed' },
});

const distributed = (fields: Record<string, unknown>, states: Record<string, unknown> = echo) =>
  machine({ M: { Type: 'Map', ItemProcessor: child(states), End: true, ...fields } });

describe('inline Map', () => {
  it('keeps the items’ order and MaxConcurrency', async () => {
    const result = await run(
      inline({ Items: [1, 2, 3, 4, 5], MaxConcurrency: 2 }),
      {},
      { f: [{ echo: true, delaySeconds: 10 }] },
    );
    expect(result.output).toEqual([1, 2, 3, 4, 5]);
    expect(result.seconds).toBe(30);
    expect(result.transitions).toBe(6);
    expect(result.calls.map(({ input }) => (input as { Payload: number }).Payload)).toEqual([1, 2, 3, 4, 5]);
  });

  it('runs at most 40 at once by itself', async () => {
    const result = await run(
      inline({ Items: '{% $range(1, 41, 1) %}' }),
      {},
      { f: [{ echo: true, delaySeconds: 1 }] },
    );
    expect(result.seconds).toBe(2);
  });

  it('gives ItemSelector the item and its index, and only ItemSelector', async () => {
    const selector = { i: '{% $states.context.Map.Item.Index %}', v: '{% $states.context.Map.Item.Value %}' };
    const pass = {
      Type: 'Pass',
      Output: ['{% $states.input %}', '{% $exists($states.context.Map) %}'],
      End: true,
    };
    const result = await run(inline({ Items: ['a', 'b'], ItemSelector: selector }, pass));
    expect(result.output).toEqual([
      [{ i: 0, v: 'a' }, false],
      [{ i: 1, v: 'b' }, false],
    ]);
  });

  it('takes its input for items where there is no Items', async () => {
    expect((await run(inline({}, { Type: 'Pass', End: true }), [1, 2])).output).toEqual([1, 2]);
  });

  it('lets iterations read outer variables and keep their own', async () => {
    const result = await run(
      machine({
        Seed: { Type: 'Pass', Assign: { outer: 'o' }, Next: 'M' },
        M: {
          Type: 'Map',
          Items: [1, 2],
          ItemProcessor: {
            StartAt: 'I',
            States: {
              I: { Type: 'Pass', Assign: { inner: '{% $states.input %}' }, Next: 'J' },
              J: { Type: 'Pass', Output: '{% $outer & $inner %}', End: true },
            },
          },
          Next: 'End',
        },
        End: { Type: 'Succeed', Output: ['{% $states.input %}', '{% $exists($inner) %}'] },
      }),
    );
    expect(result.output).toEqual([['o1', 'o2'], false]);
  });

  it('fails with the first failing iteration’s error and starts no further one', async () => {
    const tasks = { f: [{ echo: true }, { fail: { error: 'Second' } }] };
    const result = await run(inline({ Items: [1, 2, 3], MaxConcurrency: 1 }), {}, tasks);
    expect(result.error).toBe('Second');
    expect(result.calls).toHaveLength(2);
  });

  it.each([
    [{ Items: "{% 'abc' %}" }, "Expected 'array', but was 'string' for value: \"abc\""],
    [{ Items: '{% null %}' }, "Expected 'array', but was 'null' for value: null"],
    [{ Items: '{% $states.input %}' }, "Expected 'array', but was 'object' for value: {}"],
    [
      { Items: [1], ItemSelector: { s: '{% $states.context.Map.Item.Source %}' } },
      "the field 'ItemSelector/s' returned nothing",
    ],
    [{ Items: [1], MaxConcurrency: '{% -1 %}' }, 'MaxConcurrency must be between 0'],
  ])('refuses %j', async (fields, cause) => {
    const result = await run(inline(fields));
    expect(result.error).toBe('States.QueryEvaluationError');
    expect(result.cause).toContain(cause);
  });
});

describe('Distributed Map', () => {
  it('runs children as executions of their own, with their own context and no outer variables', async () => {
    const definition = machine({
      Seed: { Type: 'Pass', Assign: { outer: 'o' }, Next: 'Apps' },
      Apps: {
        Type: 'Map',
        Label: 'Apps',
        Items: ['a'],
        ItemSelector: {
          app: '{% $states.context.Map.Item.Value %}',
          from: '{% $states.context.Map.Item.Source %}',
          seen: '{% $outer %}',
        },
        ItemProcessor: child({
          C: { Type: 'Pass', Assign: { outer: 'own' }, Next: 'D' },
          D: { Type: 'Pass', Output: { context: '{% $states.context %}', outer: '{% $outer %}' }, End: true },
        }),
        End: true,
      },
    });
    const { start } = scriptedRunner();
    const result = await start(definition, {}, 'parent').result;
    const [only] = result.children;
    const input = { app: 'a', from: 'STATE_DATA', seen: 'o' };
    expect(only).toMatchObject({ input, result: { status: 'SUCCEEDED', transitions: 2, path: ['C', 'D'] } });
    expect(only?.executionArn).toBe(
      `arn:aws:states:us-east-1:111111111111:execution:machine/Apps:${only?.name}`,
    );
    expect(only?.mapRunArn).toMatch(
      /^arn:aws:states:us-east-1:111111111111:mapRun:machine\/Apps:[0-9a-f-]{36}$/,
    );
    const output = result.output as {
      outer: string;
      context: { Execution: Record<string, unknown>; StateMachine: unknown };
    }[];
    expect(output[0]?.outer).toBe('own');
    expect(output[0]?.context.Execution).toMatchObject({
      Id: only?.executionArn,
      Input: input,
      Name: only?.name,
    });
    expect(output[0]?.context.StateMachine).toEqual({
      Id: 'arn:aws:states:us-east-1:111111111111:stateMachine:machine/Apps',
      Name: 'machine/Apps',
    });
    expect(result.transitions).toBe(2);
    expect(only?.result.history[0]?.type).toBe('ExecutionStarted');
  });

  it('fails with States.ExceedToleratedFailureThreshold when a child fails', async () => {
    const result = await run(distributed({ Items: [1, 2, 3] }, failingOn('{% $states.input = 2 %}')));
    expect(result).toMatchObject({
      error: 'States.ExceedToleratedFailureThreshold',
      cause: 'The specified tolerated failure threshold was exceeded',
    });
  });

  // Failed items, all items, count, percentage, and whether that is too many.
  it.each([
    [1, 3, 0, 0, true],
    [1, 3, 1, 100, false],
    [3, 3, 1, 100, true],
    [1, 3, 0, 100, false],
    [1, 3, 100_000, 34, false],
    [1, 3, 100_000, 33, true],
    [1, 4, 100_000, 25, false],
    [3, 3, 0, 50, true],
    [3, 3, 5, 0, false],
    [2, 3, 5, 50, true],
    [2, 5, 2, 100, false],
  ])(
    '%i of %i failed with count %i and percentage %i: %s',
    async (failed, total, count, percentage, exceeded) => {
      const fields = {
        Items: `{% $range(1, ${total}, 1) %}`,
        ToleratedFailureCount: count,
        ToleratedFailurePercentage: percentage,
      };
      const result = await run(distributed(fields, failingOn(`{% $states.input <= ${failed} %}`)));
      expect(result.status).toBe(exceeded ? 'FAILED' : 'SUCCEEDED');
      expect(result.children.filter((one) => one.result.status === 'FAILED').length).toBeLessThanOrEqual(
        failed,
      );
    },
  );

  it('puts a tolerated failure in its place of the result', async () => {
    const result = await run(
      distributed({ Items: [1, 2], ToleratedFailureCount: 1 }, failingOn('{% $states.input = 1 %}')),
    );
    expect(result.output).toEqual([{ Status: 'FAILED', Error: 'Boom', Cause: 'c' }, 2]);
  });

  it('passes an object’s entries with their keys', async () => {
    const selector = { k: '{% $states.context.Map.Item.Key %}', v: '{% $states.context.Map.Item.Value %}' };
    expect((await run(distributed({ Items: '{% $states.input %}' }), { a: 1, b: 2 })).output).toEqual([
      { Key: 'a', Value: 1 },
      { Key: 'b', Value: 2 },
    ]);
    const selected = await run(distributed({ Items: '{% $states.input %}', ItemSelector: selector }), {
      a: 1,
    });
    expect(selected.output).toEqual([{ k: 'a', v: 1 }]);
  });

  it('counts the items of a failed batch, which takes one place', async () => {
    const fields = {
      Items: [1, 2, 3, 4, 5],
      ItemBatcher: { MaxItemsPerBatch: 2, BatchInput: { all: '{% $count($states.input.x) %}' } },
    };
    const states = failingOn('{% 3 in $states.input.Items %}');
    const tolerant = await run(distributed({ ...fields, ToleratedFailurePercentage: 40 }, states), {
      x: [1, 2],
    });
    expect(tolerant.output).toEqual([
      { BatchInput: { all: 2 }, Items: [1, 2] },
      { Status: 'FAILED', Error: 'Boom', Cause: 'c' },
      { BatchInput: { all: 2 }, Items: [5] },
    ]);
    const strict = await run(distributed({ ...fields, ToleratedFailureCount: 1 }, states), { x: [1, 2] });
    expect(strict.error).toBe('States.ExceedToleratedFailureThreshold');
  });

  it('cuts batches by bytes, and refuses an item that fits into none', async () => {
    const batcher = { MaxInputBytesPerBatch: 22 };
    const result = await run(distributed({ Items: ['aaaa', 'bbbb', 'c'], ItemBatcher: batcher }));
    expect(result.output).toEqual([{ Items: ['aaaa'] }, { Items: ['bbbb', 'c'] }]);
    const refused = await run(distributed({ Items: ['a'.repeat(30)], ItemBatcher: batcher }));
    expect(refused.error).toBe('States.DataLimitExceeded');
  });
});

describe('ItemReader', () => {
  const bucket = {
    'items.json': '[{"id":1},{"id":2}]',
    'deep.json': '{"data":{"items":["x","y"]}}',
    'rows.csv': 'id,name\r\n1,"Ann, the 1st"\r\n2,"say ""hi"""\n3\n',
    'pipe.csv': '1|Ann\n2|Bob\n',
    'twice.csv': 'id,id\n1,2\n',
    'lines.jsonl': '{"a":1}\n\n{"a":2}\n',
    'set/one.json': '[1,2]',
    'set/two.json': '[3]',
    'broken.json': '[1,',
    'text.json': '"text"',
  };
  const read = (key: string, config: Record<string, unknown>, fields: Record<string, unknown> = {}) =>
    run(
      distributed({
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          Arguments: { Bucket: 'b', Key: key },
          ReaderConfig: config,
        },
        ...fields,
      }),
      {},
      { $s3: { b: bucket } },
    );
  const list = (config: Record<string, unknown>, fields: Record<string, unknown> = {}) =>
    run(
      distributed({
        ItemReader: {
          Resource: 'arn:aws:states:::s3:listObjectsV2',
          Arguments: { Bucket: 'b', Prefix: 'set/' },
          ReaderConfig: config,
        },
        ...fields,
      }),
      {},
      { $s3: { b: bucket } },
    );

  it.each([
    ['items.json', { InputType: 'JSON' }, [{ id: 1 }, { id: 2 }]],
    ['items.json', { InputType: 'JSON', MaxItems: 1 }, [{ id: 1 }]],
    ['items.json', { InputType: 'JSON', MaxItems: '{% 1 %}' }, [{ id: 1 }]],
    ['deep.json', { InputType: 'JSON', ItemsPointer: '/data/items' }, ['x', 'y']],
    [
      'rows.csv',
      { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' },
      [
        { id: '1', name: 'Ann, the 1st' },
        { id: '2', name: 'say "hi"' },
        { id: '3', name: '' },
      ],
    ],
    [
      'pipe.csv',
      { InputType: 'CSV', CSVHeaderLocation: 'GIVEN', CSVHeaders: ['n', 'who'], CSVDelimiter: 'PIPE' },
      [
        { n: '1', who: 'Ann' },
        { n: '2', who: 'Bob' },
      ],
    ],
    ['lines.jsonl', { InputType: 'JSONL' }, [{ a: 1 }, { a: 2 }]],
  ])('reads %s with %j', async (key, config, items) => {
    expect((await read(key, config)).output).toEqual(items);
  });

  it('names the object each item came from', async () => {
    const source = '{% $states.context.Map.Item.Source %}';
    const result = await read('items.json', { InputType: 'JSON' }, { ItemSelector: source });
    expect(result.output).toEqual(['s3://b/items.json', 's3://b/items.json']);
  });

  it('lists objects, or loads what it lists', async () => {
    const keys = await list(
      { Transformation: 'NONE' },
      { ItemSelector: '{% $states.context.Map.Item.Value.Key %}' },
    );
    expect(keys.output).toEqual(['set/one.json', 'set/two.json']);
    const loaded = await list({ InputType: 'JSON', Transformation: 'LOAD_AND_FLATTEN' });
    expect(loaded.output).toEqual([1, 2, 3]);
  });

  it.each([
    ['none.json', { InputType: 'JSON' }, 'The specified key does not exist'],
    ['broken.json', { InputType: 'JSON' }, 'not valid JSON'],
    ['text.json', { InputType: 'JSON' }, 'Attempting to map over non-iterable node.'],
    ['deep.json', { InputType: 'JSON', ItemsPointer: '/data/none' }, "'/data/none' leads to nothing"],
    [
      'twice.csv',
      { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' },
      'CSV headers cannot contain duplicates.',
    ],
  ])('fails with States.ItemReaderFailed on %s', async (key, config, cause) => {
    const result = await read(key, config);
    expect(result.error).toBe('States.ItemReaderFailed');
    expect(result.cause).toContain(cause);
  });
});

describe('ResultWriter', () => {
  const resource = { Resource: 'arn:aws:states:::s3:putObject', Arguments: { Bucket: 'out', Prefix: 'p' } };

  it('writes the children’s results by status and a manifest, and gives where they lie', async () => {
    const { scripted, start } = scriptedRunner({ $s3: { out: {} } });
    const fields = { Items: [1, 2], ToleratedFailureCount: 1, ResultWriter: resource };
    const result = await start(distributed(fields, failingOn('{% $states.input = 2 %}'))).result;
    const output = result.output as {
      MapRunArn: string;
      ResultWriterDetails: { Bucket: string; Key: string };
    };
    const runId = output.MapRunArn.slice(output.MapRunArn.lastIndexOf(':') + 1);
    expect(output.ResultWriterDetails).toEqual({ Bucket: 'out', Key: `p/${runId}/manifest.json` });
    const manifest = JSON.parse(await scripted.readObject('out', output.ResultWriterDetails.Key));
    expect(manifest.ResultFiles).toMatchObject({
      SUCCEEDED: [{ Key: `p/${runId}/SUCCEEDED_0.json` }],
      FAILED: [{ Key: `p/${runId}/FAILED_0.json` }],
      PENDING: [],
    });
    const [failed] = JSON.parse(await scripted.readObject('out', `p/${runId}/FAILED_0.json`));
    expect(failed).toMatchObject({ Status: 'FAILED', Input: '2', Error: 'Boom', Cause: 'c' });
  });

  it('flattens without a bucket', async () => {
    const fields = {
      Items: [[1, 2], [3]],
      ResultWriter: { WriterConfig: { Transformation: 'FLATTEN', OutputType: 'JSON' } },
    };
    expect((await run(distributed(fields))).output).toEqual([1, 2, 3]);
  });

  it('fails with States.ResultWriterFailed when there is no such bucket, before anything is written', async () => {
    const { start } = scriptedRunner({ $s3: { other: {} } });
    const result = await start(distributed({ Items: [1], ResultWriter: resource })).result;
    expect(result).toMatchObject({
      error: 'States.ResultWriterFailed',
      cause: 'The specified bucket does not exist: out',
    });
  });
});
