import { inState, NotImplementedError, StateFailure } from './errors.ts';
import type { Visit } from './execution.ts';
import { isObject } from './json.ts';
import { expressionIn } from './jsonata-expressions.ts';
import type { Problems } from './validate-problems.ts';

const PERFORMED: ReadonlySet<string> = new Set(['FunctionName', 'Payload']);

/** What AWS takes besides, each with the values that change nothing here. */
const HARMLESS_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  ClientContext: [],
  InvocationType: ['RequestResponse'],
  LogType: ['None'],
  Qualifier: [],
};

/** Whether a Resource is the optimised integration of Lambda; with a task token the answer comes by the token. */
export function isLambdaInvoke(resource: string): boolean {
  return /^arn:[^:]+:states:[^:]*:[^:]*:lambda:invoke(\.waitForTaskToken)?$/.test(resource);
}

/** Why a member that AWS takes cannot be performed here; undefined where it can. */
function refusalOf(resource: string, name: string, value: unknown): string | undefined {
  const harmless = HARMLESS_VALUES[name];
  if (harmless === undefined || harmless.includes(value)) return undefined;
  // Whoever has the token answers, so that nothing depends on who waits for the function.
  if (name === 'InvocationType' && value === 'Event' && resource.endsWith('.waitForTaskToken'))
    return undefined;
  return `This runner does not perform lambda:invoke with ${name} ${JSON.stringify(value)}`;
}

/** Reports the members of literal Arguments that AWS takes and this runner does not perform, and a missing function. */
export function checkLambdaArguments(
  problems: Problems,
  resource: string,
  template: unknown,
  path: string,
): void {
  if (template === undefined || (isObject(template) && !('FunctionName' in template))) {
    problems.schema("The field 'FunctionName' is required but was missing", path);
  }
  if (!isObject(template)) return;
  for (const [name, value] of Object.entries(template)) {
    const refusal = expressionIn(value) === undefined ? refusalOf(resource, name, value) : undefined;
    if (refusal !== undefined) problems.add('NOT_IMPLEMENTED', refusal, `${path}/${name}`);
  }
}

/**
 * Checks evaluated Arguments of `lambda:invoke` before the task is scheduled. Throws `States.Runtime` for members
 * that Step Functions does not know and for a missing function, NotImplementedError for those it knows and this
 * runner does not perform.
 */
export function assertLambdaArguments(visit: Visit, resource: string, value: unknown): void {
  const members = isObject(value) ? value : {};
  const faults: string[] = [];
  for (const [name, member] of Object.entries(members)) {
    const refusal = refusalOf(resource, name, member);
    if (refusal !== undefined) throw new NotImplementedError(`${visit.stateName}: ${refusal}.`);
    if (PERFORMED.has(name) || name in HARMLESS_VALUES) continue;
    faults.push(`The field "${name}" is not supported by Step Functions`);
  }
  if (typeof members.FunctionName !== 'string') {
    faults.push("The field 'FunctionName' is required but was missing");
  }
  if (faults.length === 0) return;
  const cause = `The Parameters '${JSON.stringify(value)}' could not be used to start the Task: [${faults.join(', ')}]`;
  throw inState(new StateFailure({ error: 'States.Runtime', cause }), visit.stateName, visit.enteredEventId);
}
