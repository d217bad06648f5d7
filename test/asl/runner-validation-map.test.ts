import { describe, expect, it } from 'vitest';
import { validateDefinition } from '../../local/asl/runner.ts';
import { machine } from './run-machine.ts';

const pass = { Type: 'Pass', End: true };
const only = (state: Record<string, unknown>) => machine({ S: state });
const branch = (state: Record<string, unknown>) => ({ StartAt: 'B', States: { B: state } });
const map = (fields: Record<string, unknown>, config: Record<string, unknown> = { Mode: 'INLINE' }) =>
  only({
    Type: 'Map',
    ItemProcessor: { ProcessorConfig: config, StartAt: 'I', States: { I: pass } },
    End: true,
    ...fields,
  });
const distributed = (fields: Record<string, unknown>) =>
  map(fields, { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' });
const reader = (config: Record<string, unknown>, api = 'getObject') =>
  distributed({
    ItemReader: {
      Resource: `arn:aws:states:::s3:${api}`,
      Arguments: { Bucket: 'b', Key: 'k' },
      ReaderConfig: config,
    },
  });
const labelled = (label: string, states: Record<string, unknown> = { [label]: pass }) => ({
  Type: 'Map',
  Label: label,
  ItemProcessor: {
    StartAt: Object.keys(states)[0],
    States: states,
    ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  },
});

/** What is wrong, and the problem that must be reported. */
const FAULTS: readonly (readonly [what: string, definition: unknown, problem: string])[] = [
  ['no ItemProcessor', only({ Type: 'Map', End: true }), "The field 'ItemProcessor' is required"],
  [
    'QueryLanguage on an ItemProcessor',
    only({ Type: 'Map', ItemProcessor: { ...branch(pass), QueryLanguage: 'JSONata' }, End: true }),
    "Field 'QueryLanguage' is not supported at /States/S/ItemProcessor",
  ],
  [
    'a Distributed Map without ExecutionType',
    map({}, { Mode: 'DISTRIBUTED' }),
    "The field 'ExecutionType' is required",
  ],
  [
    'an ItemBatcher inline',
    map({ ItemBatcher: { MaxItemsPerBatch: 1 } }),
    'only supported in DISTRIBUTED mode',
  ],
  [
    'Items and ItemReader',
    distributed({ Items: [], ItemReader: { Resource: 'arn:aws:states:::s3:getObject' } }),
    'cannot both be specified',
  ],
  [
    'a percentage over 100',
    distributed({ ToleratedFailurePercentage: 101 }),
    'Expected a number between 0 and 100',
  ],
  [
    'tolerated failures inline',
    map({ ToleratedFailureCount: 1 }),
    "Field 'ToleratedFailureCount' is only supported in DISTRIBUTED mode",
  ],
  [
    'a tolerated percentage inline',
    map({ ToleratedFailurePercentage: '{% 1 %}' }),
    "Field 'ToleratedFailurePercentage' is only supported in DISTRIBUTED mode",
  ],
  [
    'one Label on two Maps',
    machine({ A: { ...labelled('same'), Next: 'B' }, B: { ...labelled('same'), End: true } }),
    "Label 'same' is used by another Map state at /States/B/Label",
  ],
  [
    'one Label on a Map and on another inside it',
    machine({
      A: {
        ...labelled('same', { B: { ...labelled('same'), End: true } }),
        End: true,
      },
    }),
    'at /States/A/ItemProcessor/States/B/Label',
  ],
  [
    'an ItemReader without Arguments',
    distributed({
      ItemReader: { Resource: 'arn:aws:states:::s3:getObject', ReaderConfig: { InputType: 'JSON' } },
    }),
    "The field 'Arguments' is required but was missing at /States/S/ItemReader",
  ],
  [
    'an ItemReader without Key',
    distributed({
      ItemReader: {
        Resource: 'arn:aws:states:::s3:getObject',
        Arguments: { Bucket: 'b' },
        ReaderConfig: { InputType: 'JSON' },
      },
    }),
    "The field 'Key' is required but was missing at /States/S/ItemReader/Arguments",
  ],
  ['an empty Label', distributed({ Label: '' }), 'Label must have 1 to 40 characters'],
  ['a Label with a space', distributed({ Label: 'a b' }), 'Label must have 1 to 40 characters'],
  ['Items as plain text', map({ Items: 'abc' }), 'Items must be an array'],
  ['an ItemBatcher without limit', distributed({ ItemBatcher: {} }), 'One of MaxItemsPerBatch'],
  [
    'a ResultWriter without bucket',
    distributed({ ResultWriter: { Resource: 'arn:aws:states:::s3:putObject' } }),
    'belong together',
  ],
  ['an empty ResultWriter', distributed({ ResultWriter: {} }), 'at least one field'],
  ['a reader of another API', reader({ InputType: 'JSON' }, 'putObject'), 'at /States/S/ItemReader/Resource'],
  ['a reader without InputType', reader({}), "The field 'InputType' is required"],
  ['Parquet', reader({ InputType: 'PARQUET' }), 'NOT_IMPLEMENTED: This runner does not read PARQUET'],
  [
    'an inventory',
    reader({ ManifestType: 'S3_INVENTORY' }),
    'NOT_IMPLEMENTED: This runner does not read manifests',
  ],
  [
    'a header for JSON',
    reader({ InputType: 'JSON', CSVHeaderLocation: 'FIRST_ROW' }),
    "Field 'CSVHeaderLocation' needs InputType CSV",
  ],
  [
    'given headers that are not given',
    reader({ InputType: 'CSV', CSVHeaderLocation: 'GIVEN' }),
    'CSVHeaders must be given',
  ],
  [
    'a pointer for CSV',
    reader({ InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW', ItemsPointer: '/a' }),
    "Field 'ItemsPointer' needs InputType JSON",
  ],
  ['a pointer that is none', reader({ InputType: 'JSON', ItemsPointer: 'a' }), 'must be a JSON pointer'],
  [
    'LOAD_AND_FLATTEN without InputType',
    reader({ Transformation: 'LOAD_AND_FLATTEN' }, 'listObjectsV2'),
    "The field 'InputType' is required",
  ],
];

const ACCEPTED: readonly (readonly [what: string, definition: unknown])[] = [
  ['two labels', machine({ A: { ...labelled('one'), Next: 'B' }, B: { ...labelled('two'), End: true } })],
  [
    'a reader of a prefix without Key',
    distributed({
      ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2', Arguments: { Bucket: 'b' } },
    }),
  ],
];

describe('validateDefinition, of Map states', () => {
  it.each(FAULTS)('refuses %s', (_, definition, problem) => {
    expect(validateDefinition(definition).join('\n')).toContain(problem);
  });

  it.each(ACCEPTED)('accepts %s', (_, definition) => {
    expect(validateDefinition(definition)).toEqual([]);
  });
});
