import type { AccountDataMetrics, StorageDeps } from '../account-data/deps.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Invocation } from './handler.ts';
import { powertoolsMetrics } from './metrics.ts';
import { personalStore } from './personal-store.ts';

/*
 * The wiring of functions that know neither Apple nor grants: apart from that of the others, so that the bundle that
 * parses the bytes of strangers has no client of Apple in it.
 */

/** Metrics that are written out as soon as they are counted: nothing is lost when the function's process ends. */
export function promptMetrics(): AccountDataMetrics {
  const metrics = powertoolsMetrics();
  return {
    count(name, value) {
      metrics.count(name, value);
      metrics.flush();
    },
  };
}

/** Makes the dependencies of one invocation of a function that knows neither Apple nor grants. */
export function storageDepsFactory(
  store: ObjectStore,
  { clock, metrics }: { readonly clock: Clock; readonly metrics: AccountDataMetrics } = {
    clock: systemClock,
    metrics: promptMetrics(),
  },
): (invocation: Invocation) => StorageDeps {
  return ({ deadline, log }) => ({ clock, log, metrics, store, deadline });
}

/** Production wiring of the functions that know neither Apple nor grants. */
export function productionStorageDeps(): (invocation: Invocation) => StorageDeps {
  return storageDepsFactory(personalStore());
}
