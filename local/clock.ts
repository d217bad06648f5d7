/**
 * Time as the local runtime sees it. The product reads time and sleeps only through `Date` and
 * `node:timers/promises`; stand-ins and runners take a `Clock`.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves `milliseconds` later; rejects with the signal's reason when it aborts first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/**
 * A clock whose time jumps to the next sleeper as soon as nothing is being worked on (decision 005).
 * Whoever works holds the clock; a sleep inside held work gives that hold back until it wakes.
 */
export class VirtualClock implements Clock {
  #now: number;
  #holds = 0;
  #sequence = 0;
  #jumpScheduled = false;
  readonly #sleepers: { at: number; sequence: number; wake: () => void }[] = [];

  constructor(startMilliseconds: number) {
    this.#now = startMilliseconds;
  }

  now(): number {
    return this.#now;
  }

  /** Keeps time from jumping until the returned function is called (calling it again does nothing). */
  hold(): () => void {
    this.#holds += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      this.#scheduleJump();
    };
  }

  /** Runs `work` while time stands still, except during sleeps that `work` hands to `sleepHeld`. */
  async whileHeld<T>(work: () => Promise<T>): Promise<T> {
    const release = this.hold();
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Gives one hold back, which another part of the program has, until the returned function is called. */
  lendHold(): () => void {
    this.#holds -= 1;
    this.#scheduleJump();
    let lent = true;
    return () => {
      if (!lent) return;
      lent = false;
      this.#holds += 1;
    };
  }

  /** A sleep inside held work of one flow: gives the caller's hold back while it sleeps. */
  async sleepHeld(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const takeBack = this.lendHold();
    try {
      await this.sleep(milliseconds, signal);
    } finally {
      takeBack();
    }
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const sleeper = {
        at: this.#now + Math.max(0, milliseconds),
        sequence: this.#sequence++,
        wake: () => {},
      };
      const onAbort = () => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        reject(signal?.reason as Error);
      };
      sleeper.wake = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
      this.#scheduleJump();
    });
  }

  #scheduleJump(): void {
    if (this.#jumpScheduled) return;
    this.#jumpScheduled = true;
    setImmediate(() => {
      this.#jumpScheduled = false;
      this.#jump();
    });
  }

  #jump(): void {
    if (this.#holds > 0 || this.#sleepers.length === 0) return;
    this.#sleepers.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
    const next = this.#sleepers.shift();
    if (next === undefined) return;
    this.#now = Math.max(this.#now, next.at);
    next.wake();
    this.#scheduleJump();
  }
}

/** Node takes a longer timer for one of a millisecond. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The machine's own time. */
export const realClock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds, signal) => {
    const { setTimeout } = await import('node:timers/promises');
    const options = signal === undefined ? {} : { signal };
    let left = milliseconds;
    for (; left > LONGEST_TIMER; left -= LONGEST_TIMER) await setTimeout(LONGEST_TIMER, undefined, options);
    await setTimeout(left, undefined, options);
  },
};
