import { StateFailure } from './errors.ts';
import { HISTORY_LIMIT_EVENTS } from './limits.ts';

/** One event as GetExecutionHistory lists it; the details stand under AWS's member name, JSON values as text. */
export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  /** ISO 8601 with milliseconds. */
  readonly timestamp: string;
  readonly type: string;
  readonly [details: string]: unknown;
}

/** Where a branch stands in its execution's history: the id of its last event. */
export interface HistoryCursor {
  lastEventId: number;
}

/** The events of one execution, numbered from 1. */
export class History {
  readonly events: HistoryEvent[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Adds an event behind `cursor` and moves the cursor to it; returns its id.
   * The last event that fits is kept for the execution's end: before it, `States.Runtime`.
   */
  add(cursor: HistoryCursor, type: string, details: Readonly<Record<string, unknown>> = {}): number {
    const id = this.note(cursor, type, details);
    cursor.lastEventId = id;
    return id;
  }

  /** Adds an event behind `cursor` that no later event follows; returns its id. */
  note(cursor: HistoryCursor, type: string, details: Readonly<Record<string, unknown>> = {}): number {
    if (this.events.length >= HISTORY_LIMIT_EVENTS - 1) {
      throw new StateFailure({
        error: 'States.Runtime',
        cause: `The execution reached the maximum number of history events (${HISTORY_LIMIT_EVENTS}).`,
      });
    }
    return this.#append(cursor, type, details);
  }

  /** Adds the event that ends the execution, for which there is always room. */
  end(cursor: HistoryCursor, type: string, details: Readonly<Record<string, unknown>>): void {
    this.#append(cursor, type, details);
  }

  #append(cursor: HistoryCursor, type: string, details: Readonly<Record<string, unknown>>): number {
    const id = this.events.length + 1;
    this.events.push({
      id,
      previousEventId: cursor.lastEventId,
      timestamp: new Date(this.#now()).toISOString(),
      type,
      ...details,
    });
    return id;
  }
}

/** `error` and `cause` as event details carry them: left out where there are none. */
export function errorDetails(failure: { error?: string | undefined; cause?: string | undefined }): {
  error?: string;
  cause?: string;
} {
  return {
    ...(failure.error === undefined ? {} : { error: failure.error }),
    ...(failure.cause === undefined ? {} : { cause: failure.cause }),
  };
}

/** A JSON value as event details carry it: its text under `name`, and that it was not shortened. */
export function payloadDetails(name: 'input' | 'output', value: unknown): Record<string, unknown> {
  return { [name]: JSON.stringify(value), [`${name}Details`]: { truncated: false } };
}
