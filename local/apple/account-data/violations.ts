import type { Clock } from '../../clock.ts';
import type { CallSubject, Violation } from './calls.ts';

/** What clients did wrong, in its order. */
export class Violations {
  readonly #clock: Clock;
  readonly list: Violation[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a broken rule; `detail` must hold no credential. */
  add(kind: Violation['kind'], detail: string, { externalId, requestId }: CallSubject): void {
    this.list.push({
      kind,
      detail,
      at: this.#clock.now(),
      ...(externalId === undefined ? {} : { externalId }),
      ...(requestId === undefined ? {} : { requestId }),
    });
  }
}
