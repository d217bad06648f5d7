import { type Clock, VirtualClock } from '../clock.ts';

/**
 * Lets a virtual clock stand still between two pieces of work, so that what still sleeps does not run on while a
 * program looks at what has happened. A real clock runs on.
 */
export class Standstill {
  readonly #clock: Clock;
  #release: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Time stands still from now on. */
  begin(): void {
    if (this.#clock instanceof VirtualClock) this.#release ??= this.#clock.hold();
  }

  /** Time may pass again. */
  end(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
