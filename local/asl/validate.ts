import { isObject } from './json.ts';
import { checkStateFields } from './validate-fields.ts';
import { checkFlow, checkVariables } from './validate-flow.ts';
import { Problems } from './validate-problems.ts';
import { checkInteger, checkOneOf, checkUnknownFields } from './validate-values.ts';

const MACHINE_FIELDS = ['Comment', 'QueryLanguage', 'StartAt', 'States', 'TimeoutSeconds', 'Version'];
const BRANCH_FIELDS = ['Comment', 'StartAt', 'States'];
const PROCESSOR_FIELDS = [...BRANCH_FIELDS, 'ProcessorConfig'];
const MAX_NAME_LENGTH = 80;

/**
 * What Step Functions would refuse in a definition, and what this runner does not implement: one line each,
 * with the code of ValidateStateMachineDefinition and the path of the field; none when it can run.
 */
export function validateDefinition(definition: unknown): string[] {
  const problems = new Problems();
  if (!isObject(definition)) {
    problems.add('SCHEMA_VALIDATION_FAILED', 'Definition must be a valid JSON object', '');
    return problems.lines;
  }
  checkUnknownFields(problems, definition, MACHINE_FIELDS, '');
  checkInteger(problems, definition, 'TimeoutSeconds', { min: 1, max: 99_999_999 }, '');
  checkOneOf(problems, definition, 'Version', ['1.0'], '');
  const language = definition.QueryLanguage;
  if (language !== undefined && language !== 'JSONata' && language !== 'JSONPath') {
    problems.schema('Value should be one of the following: [JSONPath, JSONata]', '/QueryLanguage');
  }
  const used: UsedNames = { states: new Set(), labels: new Set() };
  checkStates(problems, definition, language === 'JSONata', '', used);
  if (problems.lines.length === 0) checkVariables(problems, definition, new Set(), '');
  return problems.lines;
}

/** Names that a whole machine may use only once. */
interface UsedNames {
  readonly states: Set<string>;
  readonly labels: Set<unknown>;
}

/** Checks the states of a machine, a branch or an item processor, and those inside them. */
function checkStates(
  problems: Problems,
  container: Readonly<Record<string, unknown>>,
  jsonataByDefault: boolean,
  path: string,
  used: UsedNames,
): void {
  const missing = ['StartAt', 'States'].filter((field) => !(field in container));
  if (missing.length > 0) {
    problems.schema(`These fields are required: [${missing.join(', ')}]`, path === '' ? '/' : path);
    return;
  }
  const { States: states } = container;
  if (!isObject(states) || Object.keys(states).length === 0) {
    problems.schema('States must be an object with at least one state', `${path}/States`);
    return;
  }
  for (const [name, state] of Object.entries(states)) {
    const statePath = `${path}/States/${name}`;
    if (used.states.has(name))
      problems.add('DUPLICATE_STATE_NAME', `Duplicate state name: ${name}`, statePath);
    used.states.add(name);
    if (name.length > MAX_NAME_LENGTH)
      problems.schema(`State names have at most ${MAX_NAME_LENGTH} characters`, statePath);
    if (!isObject(state)) {
      problems.schema('A state must be an object', statePath);
      continue;
    }
    checkLabel(problems, state, statePath, used);
    checkLanguage(problems, state, jsonataByDefault, statePath);
    checkStateFields(problems, state, statePath);
    checkInnerStates(problems, state, jsonataByDefault, statePath, used);
  }
  checkFlow(problems, container.StartAt, states, path);
}

/** A label is part of the names of a Map's children, so that two Maps cannot share it. */
function checkLabel(
  problems: Problems,
  state: Readonly<Record<string, unknown>>,
  path: string,
  used: UsedNames,
): void {
  if (state.Type !== 'Map' || state.Label === undefined) return;
  if (used.labels.has(state.Label)) {
    problems.schema(`Label '${String(state.Label)}' is used by another Map state`, `${path}/Label`);
  }
  used.labels.add(state.Label);
}

function checkLanguage(
  problems: Problems,
  state: Readonly<Record<string, unknown>>,
  jsonataByDefault: boolean,
  path: string,
): void {
  const { QueryLanguage: language } = state;
  if (language === 'JSONata') return;
  if (language === 'JSONPath' && jsonataByDefault) {
    problems.schema(
      "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
      path,
    );
  } else if (language !== undefined && language !== 'JSONPath') {
    problems.schema('Value should be one of the following: [JSONPath, JSONata]', `${path}/QueryLanguage`);
  } else if (!jsonataByDefault) {
    problems.add(
      'NOT_IMPLEMENTED',
      "JSONPath is not implemented by this runner: set 'QueryLanguage' to 'JSONata' for the state or the machine",
      path,
    );
  }
}

function checkInnerStates(
  problems: Problems,
  state: Readonly<Record<string, unknown>>,
  jsonataByDefault: boolean,
  path: string,
  used: UsedNames,
): void {
  const inner: [value: unknown, fields: readonly string[], path: string][] = [];
  if (state.Type === 'Parallel' && Array.isArray(state.Branches)) {
    for (const [index, branch] of state.Branches.entries()) {
      inner.push([branch, BRANCH_FIELDS, `${path}/Branches[${index}]`]);
    }
  }
  if (state.Type === 'Map' && 'ItemProcessor' in state) {
    inner.push([state.ItemProcessor, PROCESSOR_FIELDS, `${path}/ItemProcessor`]);
  }
  for (const [container, fields, innerPath] of inner) {
    if (!isObject(container)) {
      problems.schema('Expected value of type [OBJECT]', innerPath);
      continue;
    }
    checkUnknownFields(problems, container, fields, innerPath);
    checkStates(problems, container, jsonataByDefault, innerPath, used);
  }
}
