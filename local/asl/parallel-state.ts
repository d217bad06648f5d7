import { bindingsOf } from './bindings.ts';
import type { ParallelState } from './definition.ts';
import type { Attempt, Visit } from './execution.ts';
import { forkEach, forkProgress } from './fork.ts';
import { checkResultSize } from './limits.ts';
import { type Settled, settle } from './settle.ts';
import { evaluateTemplate } from './templates.ts';
import { VariableScope } from './variables.ts';
import { walkStates } from './walk.ts';

/** One attempt of a Parallel: all branches at once, each with its own variables; the first failure fails it. */
export async function attemptParallel(
  visit: Visit,
  state: ParallelState,
  attempt: Attempt,
): Promise<Settled> {
  const { walk } = visit;
  const { retryCount } = attempt;
  const { evaluator } = walk.execution.services;
  const input =
    'Arguments' in state
      ? await evaluateTemplate(evaluator, state.Arguments, 'Arguments', bindingsOf(visit, { retryCount }))
      : visit.input;
  const result = await runBranches(visit, state, attempt, input);
  return settle(visit, state, '', bindingsOf(visit, { retryCount, result }), result);
}

async function runBranches(
  visit: Visit,
  state: ParallelState,
  attempt: Attempt,
  input: unknown,
): Promise<unknown[]> {
  const { walk } = visit;
  const { history } = walk.execution;
  history.add(walk.cursor, 'ParallelStateStarted');
  attempt.forked = true;
  const forks = forkProgress(visit.point, state.Branches.length);
  const branches = state.Branches.map((branch, index) => ({ branch, progress: forks[index] ?? {} }));
  const result = await forkEach(walk, branches, branches.length, async ({ branch, progress }, _, fork) => {
    if (progress.output !== undefined) return progress.output.value;
    const scope = new VariableScope(walk.scope);
    return walkStates({ ...walk, ...fork, scope, progress }, branch, input);
  });
  checkResultSize(result, visit.stateName);
  attempt.forked = false;
  history.note(walk.cursor, 'ParallelStateSucceeded');
  return result;
}
