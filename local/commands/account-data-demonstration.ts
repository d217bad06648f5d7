import type { Grant } from '../../lambdas/lib/account-data/grant.ts';
import { demonstrationPeople } from '../apple/account-data/demonstration-people.ts';
import type { SimulatedAccountData } from '../apple/account-data/simulated-account-data.ts';
import { DAY_MILLISECONDS } from '../apple/calendar.ts';
import { uuidOf } from '../apple/random.ts';
import type { ExecutionRecord, StartedExecution } from '../step-functions/execution-registry.ts';
import {
  type AccountDataRuntime,
  cancelTransfer,
  DELETE_FUNCTION,
  startTransfer,
  TRANSFER_MACHINE,
  withOperatorGrants,
} from './account-data-machine.ts';
import { type GrantReport, grantReports } from './grant-outcomes.ts';
import { importGrants } from './grants-import.ts';
import { readGrants } from './stored-grants.ts';

/** When the clock stands still: a DAILY_30 series that began on the first day has come to its end. */
const LAST_DAY = 31;

/** What the twenty people's transfers came to. */
export interface AccountDataRun {
  /** In the order of `demonstrationPeople`. */
  readonly grants: readonly GrantReport[];
  readonly executions: readonly ExecutionRecord[];
}

/** The account data part of the demonstration: twenty people, 31 days. */
export interface AccountDataDemonstration {
  readonly apple: SimulatedAccountData;
  /** Executions that were started by hand, in the order of their start. */
  readonly started: readonly StartedExecution[];
  /**
   * Imports the grants; from then on, whenever the clock goes on, consents arrive, transfers run and superseded
   * instances are deleted. Nothing may have run in this world before.
   */
  begin(): Promise<void>;
  /**
   * Lets the clock go on to day 31, where it stands still with whatever waits, and tells what came in. Rejects with
   * what went wrong meanwhile.
   */
  finish(): Promise<AccountDataRun>;
}

export interface AccountDataWorldParts extends AccountDataRuntime {
  readonly apple: SimulatedAccountData;
  /** Called when something happens to a person. */
  onEvent?(text: string): void;
}

interface WorldEvent {
  readonly day: number;
  readonly text: string;
  act(): Promise<void>;
}

function inOrderOfPeople(grants: readonly Grant[]): Grant[] {
  return demonstrationPeople().flatMap(
    ({ scenario }) => grants.find(({ externalId }) => externalId === scenario.externalId) ?? [],
  );
}

class Twenty implements AccountDataDemonstration {
  readonly apple: SimulatedAccountData;
  readonly started: StartedExecution[] = [];
  readonly #parts: AccountDataWorldParts;
  readonly #over = new AbortController();
  #startedAt = 0;
  #work: Promise<unknown>[] = [];

  constructor(parts: AccountDataWorldParts) {
    this.apple = parts.apple;
    this.#parts = parts;
  }

  async begin(): Promise<void> {
    const { clock, runtime, assembly } = this.#parts;
    this.#startedAt = clock.now();
    const events = this.#events(await this.#importGrants());
    const deletion = assembly.functions.find(({ name }) => name === DELETE_FUNCTION)?.arn;
    const schedules = runtime.runSchedules(this.#end, {
      schedules: ({ targetArn }) => targetArn === deletion,
      signal: this.#over.signal,
    });
    this.#work = [schedules, this.#happen(events)];
    // Whoever finishes sees a rejection; one who closes the world instead must not see the process end.
    for (const each of this.#work) each.catch(() => {});
  }

  async finish(): Promise<AccountDataRun> {
    const { assembly, runtime } = this.#parts;
    const [schedules, happenings] = this.#work;
    await happenings;
    await runtime.waitForExecutions(this.#end);
    this.#over.abort();
    await schedules;
    const machineArn = assembly.machine(TRANSFER_MACHINE).arn;
    return {
      grants: await withOperatorGrants(this.#parts, async (store) =>
        grantReports(store, inOrderOfPeople(await readGrants(store))),
      ),
      executions: runtime.executions.filter(({ stateMachineArn }) => stateMachineArn === machineArn),
    };
  }

  get #end(): number {
    return this.#startedAt + LAST_DAY * DAY_MILLISECONDS;
  }

  /** Our ids of the grants by external id. */
  async #importGrants(): Promise<ReadonlyMap<string, string>> {
    const { grants, world } = this.apple;
    let made = 0;
    const newGrantId = () => {
      made += 1;
      return uuidOf(world.seed, 'grant', made);
    };
    const lines = grants.map((grant) => JSON.stringify(grant)).join('\n');
    const results = await withOperatorGrants(this.#parts, (store) => importGrants(store, lines, newGrantId));
    const ids = new Map<string, string>();
    for (const result of results) {
      if (result.result === 'refused') throw new Error(`line ${result.line} was refused: ${result.reason}`);
      ids.set(grants[result.line - 1]?.externalId ?? '', result.grantId);
    }
    return ids;
  }

  #events(ids: ReadonlyMap<string, string>): WorldEvent[] {
    const { runtime } = this.#parts;
    const events = demonstrationPeople().flatMap(
      ({ scenario, startsOnDay, cancelledOnDay }): WorldEvent[] => {
        const { externalId } = scenario;
        const grantId = ids.get(externalId) ?? '';
        const start: WorldEvent = {
          day: startsOnDay,
          text: `${externalId} starts`,
          act: async () =>
            void this.started.push(startTransfer(runtime, { grantId, series: 1, instance: 1 })),
        };
        if (cancelledOnDay === undefined) return [start];
        const cancel: WorldEvent = {
          day: cancelledOnDay,
          text: `${externalId} is cancelled`,
          act: async () => void (await cancelTransfer(runtime, grantId, 'series')),
        };
        return [start, cancel];
      },
    );
    return events.sort((a, b) => a.day - b.day);
  }

  async #happen(events: readonly WorldEvent[]): Promise<void> {
    const { clock, onEvent } = this.#parts;
    for (const { day, text, act } of events) {
      const at = this.#startedAt + day * DAY_MILLISECONDS;
      if (at > clock.now()) await clock.sleep(at - clock.now());
      onEvent?.(`${new Date(clock.now()).toUTCString()}: ${text}`);
      await act();
    }
  }
}

/** Makes that part of a world whose simulated Apple knows the people of `demonstrationPeople`; nothing happens yet. */
export function createAccountDataDemonstration(parts: AccountDataWorldParts): AccountDataDemonstration {
  return new Twenty(parts);
}

/** How executions failed; those that wait, and the one that was cancelled, did not. */
export function transferMessages({ executions }: AccountDataRun): string[] {
  return executions.flatMap(({ name, status, error, cause }) =>
    status === 'FAILED' || status === 'TIMED_OUT'
      ? [`${name} ${status}: ${error ?? ''}: ${cause ?? ''}`]
      : [],
  );
}
