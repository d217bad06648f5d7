import { isObject } from './json.ts';
import { expressionIn } from './jsonata-expressions.ts';
import { checkLambdaArguments, isLambdaInvoke } from './lambda-arguments.ts';
import { parseTimestamp } from './timestamp.ts';
import { checkCatchers, checkRetriers } from './validate-error-handling.ts';
import { checkExpressions, type StatesMembers } from './validate-expressions.ts';
import { checkMapFields } from './validate-map.ts';
import type { Problems } from './validate-problems.ts';
import { checkIntegerOrExpression, checkText, checkUnknownFields } from './validate-values.ts';

type Fields = Readonly<Record<string, unknown>>;

const COMMON = ['Type', 'Comment', 'QueryLanguage'];
const TRANSITION = [...COMMON, 'Assign', 'Output', 'Next', 'End'];
const ERROR_HANDLING = [...TRANSITION, 'Retry', 'Catch'];

/** The fields of each state type in JSONata. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Pass: TRANSITION,
  Task: [...ERROR_HANDLING, 'Resource', 'Arguments', 'TimeoutSeconds', 'HeartbeatSeconds', 'Credentials'],
  Choice: [...COMMON, 'Choices', 'Default', 'Assign', 'Output'],
  Wait: [...TRANSITION, 'Seconds', 'Timestamp'],
  Succeed: [...COMMON, 'Output'],
  Fail: [...COMMON, 'Error', 'Cause'],
  Parallel: [...ERROR_HANDLING, 'Branches', 'Arguments'],
  Map: [
    ...ERROR_HANDLING,
    ...['ItemProcessor', 'Items', 'ItemSelector', 'ItemReader', 'ItemBatcher', 'ResultWriter'],
    ...['MaxConcurrency', 'ToleratedFailureCount', 'ToleratedFailurePercentage', 'Label'],
  ],
};

const JSONPATH_FIELDS: ReadonlySet<string> = new Set([
  ...[
    'InputPath',
    'OutputPath',
    'ResultPath',
    'ResultSelector',
    'Parameters',
    'Result',
    'ItemsPath',
    'SecondsPath',
  ],
  ...[
    'TimestampPath',
    'TimeoutSecondsPath',
    'HeartbeatSecondsPath',
    'MaxConcurrencyPath',
    'ErrorPath',
    'CausePath',
  ],
  ...['ToleratedFailureCountPath', 'ToleratedFailurePercentagePath'],
]);

const STATE: StatesMembers = ['input', 'context'];
const RESULT: StatesMembers = [...STATE, 'result'];
const MAX_SECONDS = 99_999_999;
const VARIABLE_NAME = /^[\p{ID_Start}][\p{ID_Continue}]{0,79}$/u;

/** Reports what is wrong with one state, the states inside it left aside. */
export function checkStateFields(problems: Problems, state: Fields, path: string): void {
  const known = typeof state.Type === 'string' ? FIELDS[state.Type] : undefined;
  if (known === undefined) {
    problems.schema(
      `Value should be one of the following: [${Object.keys(FIELDS).join(', ')}]`,
      `${path}/Type`,
    );
    return;
  }
  const foreign = Object.keys(state).filter((name) => JSONPATH_FIELDS.has(name) && !known.includes(name));
  for (const name of foreign) {
    const message = `The QueryLanguage is set to 'JSONata', but field '${name}' is only supported for the 'JSONPath' QueryLanguage`;
    problems.schema(message, path);
  }
  checkUnknownFields(problems, state, [...known, ...foreign], path);
  checkWayOut(problems, state, path);
  const results = state.Type === 'Task' || state.Type === 'Parallel' || state.Type === 'Map' ? RESULT : STATE;
  checkSettlement(problems, state, results, path);
  if (results === RESULT) {
    checkRetriers(problems, state, path);
    checkCatchers(problems, state, path);
  }
  CHECKS[String(state.Type)]?.(problems, state, path);
}

/** Reports what is wrong with the Assign and Output of a state, a Choice rule or a catcher. */
export function checkSettlement(
  problems: Problems,
  fields: Fields,
  allowed: StatesMembers,
  path: string,
): void {
  checkExpressions(problems, fields.Output, allowed, `${path}/Output`);
  if (fields.Assign === undefined) return;
  if (!isObject(fields.Assign)) {
    problems.schema('Expected value of type [OBJECT]', `${path}/Assign`);
    return;
  }
  for (const name of Object.keys(fields.Assign)) {
    if (name !== 'states' && VARIABLE_NAME.test(name)) continue;
    problems.schema(`'${name}' is not a valid variable name`, `${path}/Assign`);
  }
  checkExpressions(problems, fields.Assign, allowed, `${path}/Assign`);
}

function checkWayOut(problems: Problems, state: Fields, path: string): void {
  if (state.Type === 'Succeed' || state.Type === 'Fail' || state.Type === 'Choice') return;
  if ('End' in state && typeof state.End !== 'boolean') {
    problems.schema('Expected value of type [BOOLEAN]', `${path}/End`);
  }
  checkText(problems, state, 'Next', path, { missing: true });
  const ways = (state.Next === undefined ? 0 : 1) + (state.End === true ? 1 : 0);
  if (ways !== 1) problems.schema('A state must have exactly one of Next and End', path);
}

/** A check of the fields that are one state type's own. */
type Check = (problems: Problems, state: Fields, path: string) => void;

const CHECKS: Readonly<Record<string, Check>> = {
  Task: checkTask,
  Choice: checkChoice,
  Wait: checkWait,
  Fail: checkFail,
  Parallel: checkParallel,
  Map: checkMapFields,
};

function checkTask(problems: Problems, state: Fields, path: string): void {
  checkText(problems, state, 'Resource', path);
  const { Resource: resource, Arguments: argumentsTemplate } = state;
  if (typeof resource === 'string' && !resource.startsWith('arn:')) {
    problems.schema('Value is not a valid resource ARN', `${path}/Resource`);
  }
  const bounds = { min: 1, max: MAX_SECONDS };
  checkIntegerOrExpression(problems, state, 'TimeoutSeconds', bounds, path);
  checkIntegerOrExpression(problems, state, 'HeartbeatSeconds', bounds, path);
  if (Number(state.HeartbeatSeconds) >= Number(state.TimeoutSeconds)) {
    problems.schema('HeartbeatSeconds must be smaller than TimeoutSeconds', `${path}/HeartbeatSeconds`);
  }
  if (typeof resource === 'string' && isLambdaInvoke(resource)) {
    checkLambdaArguments(problems, resource, argumentsTemplate, `${path}/Arguments`);
  }
  for (const field of ['Arguments', 'TimeoutSeconds', 'HeartbeatSeconds', 'Credentials']) {
    checkExpressions(problems, state[field], STATE, `${path}/${field}`);
  }
}

function checkChoice(problems: Problems, state: Fields, path: string): void {
  const { Choices: rules } = state;
  checkText(problems, state, 'Default', path, { missing: true });
  if (!Array.isArray(rules) || rules.length === 0) {
    problems.schema('Choices must be an array with at least one rule', `${path}/Choices`);
    return;
  }
  for (const [index, rule] of rules.entries()) {
    const rulePath = `${path}/Choices[${index}]`;
    if (!isObject(rule)) {
      problems.schema('Expected value of type [OBJECT]', rulePath);
      continue;
    }
    checkUnknownFields(problems, rule, ['Condition', 'Next', 'Assign', 'Output', 'Comment'], rulePath);
    checkText(problems, rule, 'Next', rulePath);
    if (typeof rule.Condition !== 'boolean' && expressionIn(rule.Condition) === undefined) {
      problems.schema('Condition must be a boolean or a JSONata expression', `${rulePath}/Condition`);
    }
    checkExpressions(problems, rule.Condition, STATE, `${rulePath}/Condition`);
    checkSettlement(problems, rule, STATE, rulePath);
  }
}

function checkWait(problems: Problems, state: Fields, path: string): void {
  if (('Seconds' in state ? 1 : 0) + ('Timestamp' in state ? 1 : 0) !== 1) {
    problems.schema('A Wait state must have exactly one of Seconds and Timestamp', path);
  }
  checkIntegerOrExpression(problems, state, 'Seconds', { min: 0, max: MAX_SECONDS }, path);
  checkText(problems, state, 'Timestamp', path, { expression: true, missing: true });
  const { Timestamp: timestamp } = state;
  const isLiteral = typeof timestamp === 'string' && expressionIn(timestamp) === undefined;
  if (isLiteral && parseTimestamp(timestamp) === undefined) {
    problems.schema('Expected an RFC 3339 timestamp', `${path}/Timestamp`);
  }
  checkExpressions(problems, state.Seconds, STATE, `${path}/Seconds`);
  checkExpressions(problems, timestamp, STATE, `${path}/Timestamp`);
}

function checkFail(problems: Problems, state: Fields, path: string): void {
  for (const field of ['Error', 'Cause']) {
    checkText(problems, state, field, path, { expression: true, missing: true });
    checkExpressions(problems, state[field], STATE, `${path}/${field}`);
  }
}

function checkParallel(problems: Problems, state: Fields, path: string): void {
  if (!Array.isArray(state.Branches) || state.Branches.length === 0) {
    problems.schema('Branches must be an array with at least one branch', `${path}/Branches`);
  }
  checkExpressions(problems, state.Arguments, STATE, `${path}/Arguments`);
}
