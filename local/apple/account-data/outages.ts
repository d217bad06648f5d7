import { DAY_MILLISECONDS } from '../calendar.ts';
import type { AccountDataWorld, HostName } from './scenario.ts';
import type { Outage } from './simulated-account-data.ts';

/** When which hosts do not work, for everybody or for one person. */
export class Outages {
  readonly #outages: Outage[] = [];

  /** Adds the outages of a scenario, whose days count from `startedAt` (milliseconds). */
  addScenario(given: AccountDataWorld['outages'], startedAt: number, externalId?: string): void {
    for (const { fromDay, toDay, hosts, how } of given)
      this.add({
        from: startedAt + fromDay * DAY_MILLISECONDS,
        to: startedAt + toDay * DAY_MILLISECONDS,
        hosts,
        how,
        ...(externalId === undefined ? {} : { externalId }),
      });
  }

  /** Adds one; the returned function takes it away. */
  add(outage: Outage): () => void {
    this.#outages.push(outage);
    return () => {
      const index = this.#outages.indexOf(outage);
      if (index >= 0) this.#outages.splice(index, 1);
    };
  }

  /** How a call fails now; `undefined` when it does not. */
  happening(host: HostName, externalId: string | undefined, now: number): '503' | 'refuse' | undefined {
    const found = this.#outages.find(
      (each) =>
        now >= each.from &&
        now < each.to &&
        (each.hosts?.includes(host) ?? true) &&
        (each.externalId === undefined || each.externalId === externalId),
    );
    return found === undefined ? undefined : (found.how ?? '503');
  }
}
