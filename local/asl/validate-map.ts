import { isObject } from './json.ts';
import { expressionIn } from './jsonata-expressions.ts';
import { checkExpressions, type StatesMembers } from './validate-expressions.ts';
import type { Problems } from './validate-problems.ts';
import { checkIntegerOrExpression, checkOneOf, checkText, checkUnknownFields } from './validate-values.ts';

type Fields = Readonly<Record<string, unknown>>;

const STATE: StatesMembers = ['input', 'context'];
const DISTRIBUTED_ONLY = [
  ...['ItemReader', 'ItemBatcher', 'ResultWriter', 'Label'],
  ...['ToleratedFailureCount', 'ToleratedFailurePercentage'],
];
const READER_CONFIG_FIELDS = [
  ...[
    'InputType',
    'Transformation',
    'CSVHeaderLocation',
    'CSVHeaders',
    'CSVDelimiter',
    'ItemsPointer',
    'MaxItems',
  ],
];
const LABEL = /^[^\s?*<>{}[\]:;,\\|^~$#%&`"\p{Cc}]{1,40}$/u;
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

/** Reports what is wrong with the fields that only a Map has. */
export function checkMapFields(problems: Problems, state: Fields, path: string): void {
  const { ItemProcessor: processor } = state;
  if (!isObject(processor)) {
    problems.schema("The field 'ItemProcessor' is required but was missing", path);
    return;
  }
  checkMode(problems, state, processor, path);
  checkIntegerOrExpression(problems, state, 'MaxConcurrency', { min: 0, max: MAX_COUNT }, path);
  checkIntegerOrExpression(problems, state, 'ToleratedFailureCount', { min: 0, max: MAX_COUNT }, path);
  const { ToleratedFailurePercentage: percentage } = state;
  const isPercentage = typeof percentage === 'number' && percentage >= 0 && percentage <= 100;
  if (percentage !== undefined && !isPercentage && expressionIn(percentage) === undefined) {
    problems.schema('Expected a number between 0 and 100', `${path}/ToleratedFailurePercentage`);
  }
  if ('Items' in state && 'ItemReader' in state) {
    problems.schema('Items and ItemReader cannot both be specified', path);
  }
  if (typeof state.Items === 'string' && expressionIn(state.Items) === undefined) {
    problems.schema('Items must be an array, an object or a JSONata expression', `${path}/Items`);
  }
  for (const field of ['Items', 'ItemSelector', 'MaxConcurrency', 'ToleratedFailureCount']) {
    checkExpressions(problems, state[field], STATE, `${path}/${field}`);
  }
  checkExpressions(problems, percentage, STATE, `${path}/ToleratedFailurePercentage`);
  checkReader(problems, state.ItemReader, `${path}/ItemReader`);
  checkBatcher(problems, state.ItemBatcher, `${path}/ItemBatcher`);
  checkWriter(problems, state.ResultWriter, `${path}/ResultWriter`);
}

function checkMode(problems: Problems, state: Fields, processor: Fields, path: string): void {
  const config = processor.ProcessorConfig ?? {};
  const configPath = `${path}/ItemProcessor/ProcessorConfig`;
  if (!isObject(config)) {
    problems.schema('Expected value of type [OBJECT]', configPath);
    return;
  }
  checkUnknownFields(problems, config, ['Mode', 'ExecutionType'], configPath);
  checkOneOf(problems, config, 'Mode', ['INLINE', 'DISTRIBUTED'], configPath);
  checkOneOf(problems, config, 'ExecutionType', ['STANDARD', 'EXPRESS'], configPath);
  if (config.Mode === 'DISTRIBUTED') {
    if (config.ExecutionType === undefined) {
      problems.schema("The field 'ExecutionType' is required but was missing", configPath);
    }
    if ('Label' in state && !(typeof state.Label === 'string' && LABEL.test(state.Label))) {
      problems.schema(
        'Label must have 1 to 40 characters, none of them white space or special',
        `${path}/Label`,
      );
    }
    return;
  }
  for (const field of DISTRIBUTED_ONLY) {
    if (field in state) problems.schema(`Field '${field}' is only supported in DISTRIBUTED mode`, path);
  }
}

function checkReader(problems: Problems, reader: unknown, path: string): void {
  if (reader === undefined) return;
  if (!isObject(reader)) {
    problems.schema('Expected value of type [OBJECT]', path);
    return;
  }
  checkUnknownFields(problems, reader, ['Resource', 'Arguments', 'ReaderConfig'], path);
  checkText(problems, reader, 'Resource', path);
  const resources = ['arn:aws:states:::s3:getObject', 'arn:aws:states:::s3:listObjectsV2'];
  checkOneOf(problems, reader, 'Resource', resources, path);
  checkReaderArguments(problems, reader, path);
  checkExpressions(problems, reader.Arguments, STATE, `${path}/Arguments`);
  const { ReaderConfig: config = {} } = reader;
  const configPath = `${path}/ReaderConfig`;
  if (isObject(config))
    checkReaderConfig(problems, config, String(reader.Resource).endsWith('listObjectsV2'), configPath);
  else problems.schema('Expected value of type [OBJECT]', configPath);
}

function checkReaderArguments(problems: Problems, reader: Fields, path: string): void {
  const { Arguments: template } = reader;
  if (template === undefined) problems.schema("The field 'Arguments' is required but was missing", path);
  if (!isObject(template)) return;
  const required = String(reader.Resource).endsWith('listObjectsV2') ? ['Bucket'] : ['Bucket', 'Key'];
  for (const name of required) {
    if (name in template) continue;
    problems.schema(`The field '${name}' is required but was missing`, `${path}/Arguments`);
  }
}

function checkReaderConfig(problems: Problems, config: Fields, lists: boolean, path: string): void {
  for (const [field, value] of [
    ['ManifestType', undefined],
    ['InputType', 'PARQUET'],
    ['InputType', 'MANIFEST'],
  ] as const) {
    if (!(field in config) || (value !== undefined && config[field] !== value)) continue;
    problems.add('NOT_IMPLEMENTED', `This runner does not read ${value ?? 'manifests'}`, `${path}/${field}`);
    return;
  }
  checkUnknownFields(problems, config, READER_CONFIG_FIELDS, path);
  checkOneOf(problems, config, 'InputType', ['CSV', 'JSON', 'JSONL'], path);
  checkOneOf(problems, config, 'Transformation', ['NONE', 'LOAD_AND_FLATTEN'], path);
  checkOneOf(problems, config, 'CSVHeaderLocation', ['FIRST_ROW', 'GIVEN'], path);
  checkOneOf(problems, config, 'CSVDelimiter', ['COMMA', 'PIPE', 'SEMICOLON', 'SPACE', 'TAB'], path);
  checkIntegerOrExpression(problems, config, 'MaxItems', { min: 0, max: 100_000_000 }, path);
  checkExpressions(problems, config.MaxItems, STATE, `${path}/MaxItems`);
  const loads = !lists || config.Transformation === 'LOAD_AND_FLATTEN';
  if (loads && config.InputType === undefined) {
    problems.schema("The field 'InputType' is required but was missing", path);
  }
  checkFormatFields(problems, config, path);
}

function checkFormatFields(problems: Problems, config: Fields, path: string): void {
  const { InputType: inputType, ItemsPointer: pointer } = config;
  for (const field of ['CSVHeaderLocation', 'CSVHeaders', 'CSVDelimiter']) {
    if (field in config && inputType !== 'CSV') problems.schema(`Field '${field}' needs InputType CSV`, path);
  }
  if (inputType === 'CSV' && config.CSVHeaderLocation === undefined) {
    problems.schema("The field 'CSVHeaderLocation' is required but was missing", path);
  }
  if ((config.CSVHeaderLocation === 'GIVEN') !== Array.isArray(config.CSVHeaders)) {
    problems.schema('CSVHeaders must be given, as an array, with CSVHeaderLocation GIVEN only', path);
  }
  if (pointer === undefined) return;
  if (inputType !== 'JSON') problems.schema("Field 'ItemsPointer' needs InputType JSON", path);
  if (typeof pointer !== 'string' || !(pointer === '' || pointer.startsWith('/'))) {
    problems.schema('ItemsPointer must be a JSON pointer', `${path}/ItemsPointer`);
  }
}

function checkBatcher(problems: Problems, batcher: unknown, path: string): void {
  if (batcher === undefined) return;
  if (!isObject(batcher)) {
    problems.schema('Expected value of type [OBJECT]', path);
    return;
  }
  checkUnknownFields(problems, batcher, ['MaxItemsPerBatch', 'MaxInputBytesPerBatch', 'BatchInput'], path);
  checkIntegerOrExpression(problems, batcher, 'MaxItemsPerBatch', { min: 1, max: MAX_COUNT }, path);
  checkIntegerOrExpression(problems, batcher, 'MaxInputBytesPerBatch', { min: 1, max: 262_144 }, path);
  if (batcher.MaxItemsPerBatch === undefined && batcher.MaxInputBytesPerBatch === undefined) {
    problems.schema('One of MaxItemsPerBatch and MaxInputBytesPerBatch is required', path);
  }
  checkExpressions(problems, batcher, STATE, path);
}

function checkWriter(problems: Problems, writer: unknown, path: string): void {
  if (writer === undefined) return;
  if (!isObject(writer) || Object.keys(writer).length === 0) {
    problems.schema('ResultWriter must be an object with at least one field', path);
    return;
  }
  checkUnknownFields(problems, writer, ['Resource', 'Arguments', 'WriterConfig'], path);
  checkOneOf(problems, writer, 'Resource', ['arn:aws:states:::s3:putObject'], path);
  if ('Resource' in writer !== 'Arguments' in writer) {
    problems.schema('Resource and Arguments of a ResultWriter belong together', path);
  }
  checkExpressions(problems, writer.Arguments, STATE, `${path}/Arguments`);
  const { WriterConfig: config } = writer;
  if (config === undefined) return;
  if (!isObject(config)) {
    problems.schema('Expected value of type [OBJECT]', `${path}/WriterConfig`);
    return;
  }
  checkUnknownFields(problems, config, ['OutputType', 'Transformation'], `${path}/WriterConfig`);
  checkOneOf(problems, config, 'OutputType', ['JSON', 'JSONL'], `${path}/WriterConfig`);
  checkOneOf(problems, config, 'Transformation', ['NONE', 'COMPACT', 'FLATTEN'], `${path}/WriterConfig`);
}
