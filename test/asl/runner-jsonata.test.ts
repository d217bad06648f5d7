import { describe, expect, it } from 'vitest';
import { machine, run } from './run-machine.ts';

const evaluate = async (expression: string, input: unknown = {}) => {
  const result = await run(
    machine({ A: { Type: 'Pass', Output: { v: `{% ${expression} %}` }, End: true } }),
    input,
  );
  return result.status === 'SUCCEEDED' ? (result.output as { v: unknown }).v : result;
};

const NOTHING = "specified for the field 'Output/v' returned nothing (undefined).";

describe('functions that Step Functions adds', () => {
  it.each([
    ['$partition([1,2,3,4,5], 2)', [[1, 2], [3, 4], [5]]],
    ['$partition([1,2,3,4,5], 2.9)', [[1, 2], [3, 4], [5]]],
    ['$partition([1,2,3])', [[1, 2, 3]]],
    ['$range(0, 10, 2)', [0, 2, 4, 6, 8, 10]],
    ['$range(10, 0, -2)', [10, 8, 6, 4, 2, 0]],
    ['$range(-1.7, 2, 1)', [-1, 0, 1, 2]],
    ['$range(3, 3, 1)', 3],
    ["$hash('Hello', 'MD5')", '8b1a9953c4611296a827abf8c47804d7'],
    ["$hash('Hello', 'SHA-1')", 'f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0'],
    ["$hash('ñ', 'MD5')", '94e9342ecbb1458b6043ecd3bfcbc192'],
    ['$random(42)', 0.7275636800328681],
    ['$random(7)', 0.7306990420600421],
    ['$parse(\'{"b":1,"a":[2]}\')', { b: 1, a: [2] }],
    ["$parse(\"{'a': '\\\\u0041'}\")", { a: 'A' }],
    ['$map([\'{"a":1}\', \'{"a":2}\'], $parse).a', [1, 2]],
    ['$now()', '2020-01-01T00:00:00.000Z'],
    ["$now('[Y0001]/[M01]')", '2020/01'],
    ['$millis()', 1_577_836_800_000],
    ['1/0', 'Infinity'],
    ['[-1/0, 0/0]', ['-Infinity', 'NaN']],
  ])('%s', async (expression, value) => {
    expect(await evaluate(expression)).toEqual(value);
  });

  it('shuffles by the runner’s random numbers, so that a seeded run repeats itself', async () => {
    const expression = '[[$shuffle([[1], 2, 3, 4, 5, 6, 7, 8])], [$shuffle(9)], [$exists($shuffle($none))]]';
    const [order, single, absent] = (await evaluate(expression)) as unknown[][];
    expect(await evaluate(expression)).toEqual([order, single, absent]);
    expect(order).not.toEqual([[1], 2, 3, 4, 5, 6, 7, 8]);
    expect(order).toHaveLength(8);
    expect(order).toEqual(expect.arrayContaining([[1], 2, 3, 4, 5, 6, 7, 8]));
    expect([single, absent]).toEqual([[9], [false]]);
  });

  it('gives a new v4 UUID at every call', async () => {
    expect(await evaluate('[$uuid(), $uuid() = $uuid()]')).toEqual([
      expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      false,
    ]);
  });

  it.each([
    '$partition([], 2)',
    '$partition([1], 0)',
    '$range(5, 1, 1)',
    '$range(1, 5)',
    '$range(1, 5, 0)',
    "$hash('a')",
    '$parse()',
  ])('%s gives nothing, which fails the field', async (expression) => {
    expect(await evaluate(expression)).toMatchObject({
      error: 'States.QueryEvaluationError',
      cause: expect.stringContaining(NOTHING),
    });
  });

  it.each([
    ["$eval('1+1')", 'T1006: Attempted to invoke a non-function'],
    ['$partition([1,2], -1)', 'D3137: Second argument must be zero or greater'],
    ['$partition(null, 2)', 'T0412: Argument 1 of function "partition" must be an array of undefined'],
    ['$range(1)', 'T0410: Argument 2 of function "range" does not match function signature'],
    ["$range('a', 5, 1)", 'T0410: Argument 1 of function "range" does not match function signature'],
    ["$hash('Hello', 'md5')", "D3137: Hash algorithm 'md5' must be one of"],
    ["$hash(42, 'MD5')", 'T0410: Argument 1 of function "hash" does not match function signature'],
    ['$uuid(1)', 'T0410: Argument 1 of function "uuid" does not match function signature'],
    ['$random(1, 2)', 'T0410: Argument 2 of function "random" does not match function signature'],
    ["$parse('{} {}')", 'D3137: Invalid JSON'],
    ["$parse('1e400')", 'D3137: Invalid JSON'],
    ['$parse(\'{"a":1,"a":2}\')', 'D3137: Invalid JSON'],
    ["$parse('')", 'D3137: Invalid JSON'],
    ["$parse('[1')", 'D3137: Invalid JSON'],
    ['$parse(null)', 'T0410: Argument 1 of function "parse" does not match function signature'],
    ["'a' + 1", 'T2001: The left side of the "+" operator must evaluate to a number'],
  ])('%s fails', async (expression, message) => {
    const result = await evaluate(expression);
    expect(result).toMatchObject({ error: 'States.QueryEvaluationError' });
    expect((result as { cause: string }).cause).toContain(
      `The JSONata expression '${expression}' specified for the field 'Output/v' threw an error during evaluation. ${message}`,
    );
  });
});

describe('what a value may be', () => {
  it('opens the cause with the state and the event it was entered by', async () => {
    const result = await run(
      machine({ Do: { Type: 'Pass', Output: '{% $states.input.none %}', End: true } }),
    );
    expect(result.cause).toBe(
      "An error occurred while executing the state 'Do' (entered at the event id #2). The JSONata expression '$states.input.none' specified for the field 'Output' returned nothing (undefined).",
    );
    expect(result.history.at(-2)).toMatchObject({
      type: 'EvaluationFailed',
      evaluationFailedEventDetails: { error: 'States.QueryEvaluationError', location: 'Output', state: 'Do' },
    });
  });

  it('names a field inside objects and arrays', async () => {
    const output = { a: { b: [1, '{% $states.input.none %}'] } };
    const result = await run(machine({ Do: { Type: 'Pass', Output: output, End: true } }));
    expect(result.cause).toContain("the field 'Output/a/b[1]' returned nothing");
  });

  it('keeps null, and drops what a constructor’s member does not give', async () => {
    expect(await evaluate('{"n": $states.input.n, "none": $states.input.none}', { n: null })).toEqual({
      n: null,
    });
  });

  it('refuses a function as a value', async () => {
    expect(await evaluate('function($x) { $x }')).toMatchObject({
      cause: expect.stringContaining('returned an unsupported result type.'),
    });
  });
});

describe('bounds of one evaluation', () => {
  const recursion = (depth: number) => `($f := function($x){ $x <= 0 ? 0 : 1 + $f($x-1) }; $f(${depth}))`;
  const sum = (terms: number) => new Array(terms).fill('1').join('+');

  it('lets through what AWS lets through', async () => {
    expect(await evaluate(recursion(31))).toBe(31);
    expect(await evaluate(sum(100))).toBe(100);
    expect(await evaluate('[1..873782] ~> $count()')).toBe(873_782);
    expect(await evaluate('$count($range(1, 360145, 1))')).toBe(360_145);
  });

  it.each([
    [recursion(32), 'Stack overflow error'],
    [sum(101), 'Stack overflow error'],
    ['[1..873783] ~> $count()', 'Expression evaluation memory limit exceeded'],
    ['$range(1, 360146, 1)', 'Expression evaluation memory limit exceeded'],
    ['($f := function($x){ $f($x+1) }; $f(1))', 'Expression evaluation timeout'],
  ])('refuses one step more: %s', async (expression, message) => {
    expect(await evaluate(expression)).toMatchObject({
      error: 'States.QueryEvaluationError',
      cause: expect.stringContaining(`threw an error during evaluation: ${message}`),
    });
  });
});
