import { describe, expect, it } from 'vitest';
import { validateDefinition } from '../../local/asl/runner.ts';
import { INVOKE, invoke, machine, run } from './run-machine.ts';

const pass = { Type: 'Pass', End: true };
const only = (state: Record<string, unknown>) =>
  machine({ S: state, ...('Next' in state ? { N: pass } : {}) });
const task = (fields: Record<string, unknown>) => only(invoke('f', fields));
const map = (fields: Record<string, unknown>, config: Record<string, unknown> = { Mode: 'INLINE' }) =>
  only({
    Type: 'Map',
    ItemProcessor: { ProcessorConfig: config, StartAt: 'I', States: { I: pass } },
    End: true,
    ...fields,
  });
const seeded = (inner: Record<string, unknown>) =>
  machine({ Seed: { Type: 'Pass', Assign: { x: 1 }, Next: 'S' }, S: { End: true, ...inner } });
const branch = (state: Record<string, unknown>) => ({ StartAt: 'B', States: { B: state } });

/** What is wrong, and the problem that must be reported. */
const FAULTS: readonly (readonly [what: string, definition: unknown, problem: string])[] = [
  ['no object', [], 'Definition must be a valid JSON object'],
  ['an empty object', {}, 'These fields are required: [StartAt, States] at /'],
  ['no StartAt', { QueryLanguage: 'JSONata', States: { S: pass } }, 'These fields are required: [StartAt]'],
  ['no states', { QueryLanguage: 'JSONata', StartAt: 'S', States: {} }, 'at least one state'],
  [
    'an unknown field of the machine',
    machine({ S: pass }, { Timeout: 1 }),
    "Field 'Timeout' is not supported",
  ],
  ['another version', machine({ S: pass }, { Version: '2.0' }), 'one of the following: [1.0] at /Version'],
  ['a Version that is no text', machine({ S: pass }, { Version: 1 }), 'at /Version'],
  [
    'a Comment of the machine that is no text',
    machine({ S: pass }, { Comment: 5 }),
    'Expected value of type [STRING] at /Comment',
  ],
  ['a Comment that is no text', only({ ...pass, Comment: 5 }), 'at /States/S/Comment'],
  [
    'a Comment of a retrier that is no text',
    task({ Retry: [{ ErrorEquals: ['E'], Comment: {} }] }),
    'at /States/S/Retry[0]/Comment',
  ],
  ['a machine timeout of 0', machine({ S: pass }, { TimeoutSeconds: 0 }), 'at /TimeoutSeconds'],
  ['a wrong query language', machine({ S: pass }, { QueryLanguage: 'jsonata' }), 'at /QueryLanguage'],
  [
    'JSONPath',
    { StartAt: 'S', States: { S: pass } },
    'NOT_IMPLEMENTED: JSONPath is not implemented by this runner',
  ],
  [
    'a JSONPath state in a JSONata machine',
    only({ ...pass, QueryLanguage: 'JSONPath' }),
    "'QueryLanguage' can not be 'JSONPath'",
  ],
  [
    'a JSONPath field',
    only({ ...pass, ResultPath: '$.a' }),
    "field 'ResultPath' is only supported for the 'JSONPath' QueryLanguage",
  ],
  ['a StartAt to nowhere', machine({ S: pass }, { StartAt: 'X' }), "Missing 'StartAt' target: X"],
  ['a Next to nowhere', machine({ S: { Type: 'Pass', Next: 'X' } }), "Missing 'Next' target: X"],
  [
    'a Default to nowhere',
    machine({ S: { Type: 'Choice', Choices: [{ Condition: true, Next: 'N' }], Default: 'X' }, N: pass }),
    "Missing 'Next' target: X",
  ],
  ['a catcher to nowhere', task({ Catch: [{ ErrorEquals: ['E'], Next: 'X' }] }), "Missing 'Next' target: X"],
  ['an unreachable state', machine({ S: pass, U: { ...pass } }), 'State "U" is not reachable. at /States/U'],
  [
    'no end',
    machine({ S: { Type: 'Pass', Next: 'T' }, T: { Type: 'Pass', Next: 'S' } }),
    'MISSING_END_STATE',
  ],
  [
    'a name used twice',
    only({ Type: 'Parallel', Branches: [{ StartAt: 'S', States: { S: pass } }], End: true }),
    'DUPLICATE_STATE_NAME',
  ],
  ['a name of 81 characters', machine({ ['n'.repeat(81)]: pass }), 'at most 80 characters'],
  ['no Type', only({ End: true }), 'at /States/S/Type'],
  ['an unknown Type', only({ Type: 'Loop', End: true }), 'at /States/S/Type'],
  ['an unknown field', only({ ...pass, Resource: 'x' }), "Field 'Resource' is not supported at /States/S"],
  ['neither Next nor End', only({ Type: 'Pass' }), 'exactly one of Next and End'],
  ['both Next and End', only({ Type: 'Pass', Next: 'N', End: true }), 'exactly one of Next and End'],
  ['Catch on a Pass', only({ ...pass, Catch: [] }), "Field 'Catch' is not supported"],
  ['TimeoutSeconds on a Map', map({ TimeoutSeconds: 1 }), "Field 'TimeoutSeconds' is not supported"],
  ['no Resource', only({ Type: 'Task', End: true }), "The field 'Resource' is required"],
  ['a Resource that is no ARN', only({ Type: 'Task', Resource: 'f', End: true }), 'not a valid resource ARN'],
  [
    'a Resource by expression',
    only({ Type: 'Task', Resource: "{% 'arn:' %}", End: true }),
    'A JSONata expression is not supported in this field',
  ],
  [
    'lambda:invoke without a function',
    only({ Type: 'Task', Resource: INVOKE, Arguments: {}, End: true }),
    "The field 'FunctionName' is required",
  ],
  [
    'a heartbeat as long as the timeout',
    task({ TimeoutSeconds: 5, HeartbeatSeconds: 5 }),
    'HeartbeatSeconds must be smaller',
  ],
  ['a fractional timeout', task({ TimeoutSeconds: 1.5 }), 'at /States/S/TimeoutSeconds'],
  ['no rules', machine({ S: { Type: 'Choice', Choices: [], Default: 'N' }, N: pass }), 'at least one rule'],
  [
    'a rule without condition',
    machine({ S: { Type: 'Choice', Choices: [{ Next: 'N' }] }, N: pass }),
    'Condition must be',
  ],
  [
    'a JSONPath rule',
    machine({ S: { Type: 'Choice', Choices: [{ Variable: '$.a', IsNull: true, Next: 'N' }] }, N: pass }),
    "Field 'Variable' is not supported",
  ],
  ['a Wait without time', only({ Type: 'Wait', End: true }), 'exactly one of Seconds and Timestamp'],
  [
    'a Wait with two',
    only({ Type: 'Wait', Seconds: 1, Timestamp: '2020-01-01T00:00:00Z', End: true }),
    'exactly one of Seconds',
  ],
  ['negative seconds', only({ Type: 'Wait', Seconds: -1, End: true }), 'at /States/S/Seconds'],
  [
    'a wrong timestamp',
    only({ Type: 'Wait', Timestamp: 'soon', End: true }),
    'Expected an RFC 3339 timestamp',
  ],
  ['a number as Cause', only({ Type: 'Fail', Cause: 1 }), 'at /States/S/Cause'],
  ['no branches', only({ Type: 'Parallel', Branches: [], End: true }), 'at least one branch'],
  [
    'an unknown field of a branch',
    only({ Type: 'Parallel', Branches: [{ ...branch(pass), Next: 'x' }], End: true }),
    "Field 'Next' is not supported",
  ],
  [
    'States.ALL with others',
    task({ Retry: [{ ErrorEquals: ['States.ALL', 'E'] }] }),
    'States.ALL must appear alone',
  ],
  [
    'States.ALL before others',
    task({ Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['E'] }] }),
    'at end of list',
  ],
  ['no error names', task({ Retry: [{ ErrorEquals: [] }] }), 'at least one error name'],
  [
    'an interval of 0',
    task({ Retry: [{ ErrorEquals: ['E'], IntervalSeconds: 0 }] }),
    'Retry[0]/IntervalSeconds',
  ],
  ['negative attempts', task({ Retry: [{ ErrorEquals: ['E'], MaxAttempts: -1 }] }), 'Retry[0]/MaxAttempts'],
  ['a rate below 1', task({ Retry: [{ ErrorEquals: ['E'], BackoffRate: 0.5 }] }), 'Retry[0]/BackoffRate'],
  [
    'a cap below the interval',
    task({ Retry: [{ ErrorEquals: ['E'], IntervalSeconds: 5, MaxDelaySeconds: 4 }] }),
    'MaxDelaySeconds must be greater',
  ],
  [
    'an unknown jitter',
    task({ Retry: [{ ErrorEquals: ['E'], JitterStrategy: 'SOME' }] }),
    'Retry[0]/JitterStrategy',
  ],
  [
    'a variable named states',
    only({ ...pass, Assign: { states: 1 } }),
    "'states' is not a valid variable name",
  ],
  [
    'a variable that is no name',
    only({ ...pass, Assign: { 'a-b': 1 } }),
    "'a-b' is not a valid variable name",
  ],
  [
    'an expression that does not parse',
    only({ ...pass, Output: '{% a[1,2) %}' }),
    'INVALID_JSONATA_EXPRESSION: Expected "]", got ","',
  ],
  [
    'what JSONata 2.0.6 does not know',
    only({ ...pass, Output: '{% $x ?? 1 %}' }),
    'INVALID_JSONATA_EXPRESSION',
  ],
  [
    'half an expression',
    only({ ...pass, Output: { a: ['{% 1 '] } }),
    "must start with '{%' and end with '%}' at /States/S/Output/a[0]",
  ],
  [
    'a bare name',
    only({ ...pass, Output: '{% phone %}' }),
    "Reference to 'phone' at the top level is not supported.",
  ],
  [
    'a bare name in a function',
    only({ ...pass, Output: '{% $map($states.input, function($v) { b }) %}' }),
    "Reference to 'b'",
  ],
  ['$$', only({ ...pass, Output: '{% $$.a %}' }), "Reference to '$$' is not supported."],
  [
    '$states.result of a Pass',
    only({ ...pass, Output: '{% $states.result %}' }),
    "Field '$states.result' does not exist.",
  ],
  [
    '$states.errorOutput outside a catcher',
    task({ Output: '{% $states.errorOutput %}' }),
    "Field '$states.errorOutput' does not exist.",
  ],
  [
    '$states.result in a catcher',
    task({ Next: 'N', Catch: [{ ErrorEquals: ['E'], Output: '{% $states.result %}', Next: 'N' }] }),
    "Field '$states.result'",
  ],
  [
    '$states.result in Arguments',
    task({ Arguments: { FunctionName: '{% $states.result %}' } }),
    "Field '$states.result'",
  ],
  [
    'an outer variable set in a branch',
    seeded({ Type: 'Parallel', Branches: [branch({ ...pass, Assign: { x: 2 } })] }),
    "The variable name 'x' was already defined in a parent scope.",
  ],
  [
    'an outer variable set in an iteration',
    seeded({ Type: 'Map', ItemProcessor: branch({ ...pass, Assign: { x: 2 } }) }),
    'DUPLICATE_VARIABLE_NAME',
  ],
];

describe('validateDefinition', () => {
  it.each(FAULTS)('refuses %s', (_, definition, problem) => {
    expect(validateDefinition(definition).join('\n')).toContain(problem);
  });

  const accepted: readonly (readonly [what: string, definition: unknown])[] = [
    ['comments everywhere', only({ ...pass, Comment: 'c' })],
    [
      'a JSONata state in a machine without language',
      { StartAt: 'S', States: { S: { ...pass, QueryLanguage: 'JSONata' } } },
    ],
    [
      'names inside paths, filters, sorting and grouping',
      only({ ...pass, Output: '{% $states.input.a[b > 1]^(c).d{e: $sum(f)} %}' }),
    ],
    ['a transform', only({ ...pass, Output: '{% $states.input ~> |a|{"b": c}| %}' })],
    [
      'a boolean condition',
      machine({ S: { Type: 'Choice', Choices: [{ Condition: true, Next: 'N' }] }, N: pass }),
    ],
    ['the one version', machine({ S: pass }, { Version: '1.0' })],
    [
      'one name in sibling branches',
      only({
        Type: 'Parallel',
        Branches: [
          { StartAt: 'B', States: { B: { ...pass, Assign: { x: 1 } } } },
          { StartAt: 'C', States: { C: { ...pass, Assign: { x: 1 } } } },
        ],
        End: true,
      }),
    ],
    [
      'an outer name in a Distributed Map',
      seeded({
        Type: 'Map',
        ItemProcessor: {
          ...branch({ ...pass, Assign: { x: 2 } }),
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        },
      }),
    ],
    [
      'a name set only after the branch',
      only({
        Type: 'Parallel',
        Branches: [branch({ ...pass, Assign: { x: 1 } })],
        Assign: { x: 1 },
        End: true,
      }),
    ],
  ];

  it.each(accepted)('accepts %s', (_, definition) => {
    expect(validateDefinition(definition)).toEqual([]);
  });

  it('keeps a refused machine from starting', async () => {
    const result = await run(only({ Type: 'Pass' }));
    expect(result).toMatchObject({ status: 'INVALID', transitions: 0, path: [], calls: [] });
    expect(result.cause).toContain('exactly one of Next and End at /States/S');
  });
});
