import type { Operation } from '../../local/apple/account-data/calls.ts';
import type { AccountDataWorld } from './account-data-world.ts';

/** The calls of one kind that simulated Apple has had for Account Data Transfer. */
export function callsOf(world: AccountDataWorld, operation: Operation) {
  return world.apple.calls.accountDataTransfer.filter((call) => call.operation === operation);
}

/** From now on connections break at such calls, before or after Apple carried them out. */
export function loseAnswer(
  world: AccountDataWorld,
  operation: Operation,
  when: 'before' | 'after',
  times = 1,
): void {
  world.apple.faults.add({
    respond: `reset-${when}-call`,
    on: (request) => request.operation === operation,
    times,
  });
}
