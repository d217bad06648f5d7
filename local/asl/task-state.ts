import { bindingsOf } from './bindings.ts';
import type { TaskCall } from './contract.ts';
import type { TaskState } from './definition.ts';
import { queryEvaluationFailure, StateFailure, StepFunctionsTaskError } from './errors.ts';
import type { Visit } from './execution.ts';
import { errorDetails } from './history.ts';
import { assertLambdaArguments, isLambdaInvoke } from './lambda-arguments.ts';
import { checkArgumentsSize, checkResultSize } from './limits.ts';
import { uuidFrom } from './random.ts';
import { type Settled, settle } from './settle.ts';
import { type TaskEvents, taskEvents } from './task-events.ts';
import { type Bindings, evaluateInteger, evaluateTemplate } from './templates.ts';
import { MAX_SECONDS } from './wait-state.ts';

/** How long an attempt may take, in seconds; undefined where the state does not say. */
interface TaskDeadlines {
  readonly timeout: number | undefined;
  readonly heartbeat: number | undefined;
}

/** One attempt of a Task: timeouts and Arguments, the call, then Assign and Output. */
export async function attemptTask(visit: Visit, state: TaskState, retryCount: number): Promise<Settled> {
  const { services, identity } = visit.walk.execution;
  const taskToken = state.Resource.endsWith('.waitForTaskToken') ? uuidFrom(services.random) : undefined;
  const extras = { retryCount, ...(taskToken === undefined ? {} : { taskToken }) };
  const bindings = bindingsOf(visit, extras);
  const deadlines = await deadlinesOf(visit, state, bindings);
  const argumentsValue =
    'Arguments' in state
      ? await evaluateTemplate(services.evaluator, state.Arguments, 'Arguments', bindings)
      : visit.input;
  if (isLambdaInvoke(state.Resource)) assertLambdaArguments(visit, state.Resource, argumentsValue);
  const events = taskEvents(state.Resource, services.region);
  checkArgumentsSize(argumentsValue, events.producer);
  const call: Omit<TaskCall, 'signal'> = {
    resource: state.Resource,
    arguments: argumentsValue,
    stateName: visit.stateName,
    executionArn: identity.executionArn,
    attempt: retryCount + 1,
    ...(taskToken === undefined ? {} : { taskToken }),
  };
  const result = await perform(visit, call, deadlines, events);
  return settle(visit, state, '', bindingsOf(visit, { ...extras, result }), result);
}

async function deadlinesOf(visit: Visit, state: TaskState, bindings: Bindings): Promise<TaskDeadlines> {
  const timeout = await secondsOf(visit, state, 'TimeoutSeconds', bindings);
  const heartbeat = await secondsOf(visit, state, 'HeartbeatSeconds', bindings);
  if (timeout !== undefined && heartbeat !== undefined && heartbeat >= timeout) {
    throw queryEvaluationFailure(
      `HeartbeatSeconds must be smaller than TimeoutSeconds (${timeout}) but was: ${heartbeat}`,
      'HeartbeatSeconds',
    );
  }
  return { timeout, heartbeat };
}

async function secondsOf(
  visit: Visit,
  state: TaskState,
  field: 'TimeoutSeconds' | 'HeartbeatSeconds',
  bindings: Bindings,
): Promise<number | undefined> {
  if (state[field] === undefined) return undefined;
  const { evaluator } = visit.walk.execution.services;
  const bounds = { min: 0, max: MAX_SECONDS };
  const seconds = await evaluateInteger(evaluator, state[field], field, bounds, bindings);
  // AWS's sentence about the range names 0, its guide asks for a positive number.
  if (seconds === 0) throw queryEvaluationFailure(`${field} must be greater than 0 but was: 0`, field);
  return seconds;
}

async function perform(
  visit: Visit,
  call: Omit<TaskCall, 'signal'>,
  deadlines: TaskDeadlines,
  events: TaskEvents,
): Promise<unknown> {
  const { history } = visit.walk.execution;
  const { cursor } = visit.walk;
  history.add(cursor, ...events.scheduled(call.arguments, deadlines));
  history.add(cursor, ...events.started());
  try {
    const result = await invokeWithin(visit, call, deadlines);
    checkResultSize(result, events.producer);
    history.add(cursor, ...events.succeeded(result));
    return result;
  } catch (error) {
    const failure = asFailure(error);
    if (failure === undefined) throw error;
    const details = errorDetails(failure);
    history.add(
      cursor,
      ...(failure.error === 'States.Timeout' ? events.timedOut(details) : events.failed(details)),
    );
    throw failure;
  }
}

function asFailure(error: unknown): StateFailure | undefined {
  if (error instanceof StateFailure) return error;
  return error instanceof StepFunctionsTaskError ? new StateFailure(errorDetails(error)) : undefined;
}

/** Waits for the task, the earlier of its deadlines or the end of the walk, whichever comes first. */
async function invokeWithin(
  visit: Visit,
  call: Omit<TaskCall, 'signal'>,
  deadlines: TaskDeadlines,
): Promise<unknown> {
  const { scheduler, invoke } = visit.walk.execution.services;
  const attemptOver = new AbortController();
  const signal = AbortSignal.any([visit.walk.signal, attemptOver.signal]);
  const waiting = new AbortController();
  try {
    return await visit.walk.participant.outside(() => {
      const invocation = scheduler.whileHeld(async () => (await invoke({ ...call, signal })) ?? null);
      // A handler that runs on after its state was given up may fail with nobody left to tell.
      invocation.catch(() => {});
      const ends = [invocation, rejectionOf(visit.walk.signal, waiting.signal)];
      const deadline = earlier(deadlines);
      if (deadline !== undefined) {
        const stop = AbortSignal.any([visit.walk.signal, waiting.signal]);
        ends.push(
          scheduler.sleep(deadline.seconds * 1000, stop).then(() => Promise.reject(deadline.failure)),
        );
      }
      for (const end of ends) end.catch(() => {});
      return Promise.race(ends);
    });
  } finally {
    waiting.abort(new Error('The attempt is over.'));
    attemptOver.abort(new Error('The attempt is over: the state has timed out or has its answer.'));
  }
}

function earlier(
  deadlines: TaskDeadlines,
): { readonly seconds: number; readonly failure: StateFailure } | undefined {
  const { timeout, heartbeat } = deadlines;
  // Always the earlier of the two.
  if (heartbeat !== undefined) {
    const failure = new StateFailure({ error: 'States.Timeout', alsoMatches: ['States.HeartbeatTimeout'] });
    return { seconds: heartbeat, failure };
  }
  if (timeout === undefined) return undefined;
  return { seconds: timeout, failure: new StateFailure({ error: 'States.Timeout' }) };
}

/** Rejects with the reason of `signal` when it aborts, and is forgotten when `forget` aborts. */
function rejectionOf(signal: AbortSignal, forget: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true, signal: forget });
  });
}
