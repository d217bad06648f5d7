import type { AccessType, Granularity } from '../analytics/contracts.ts';
import { addDays } from '../runtime/clock.ts';

/**
 * Whether a Date was complete when Apple made the delivery. Weeks and months are delivered once they are over. A
 * snapshot holds what was known on the day of its request, whatever its processingDate; that day is read from the
 * file itself, as the one after its newest Date, because nothing else that would survive a rebuild knows it.
 */
export function isFinalDate(
  date: string,
  delivery: {
    readonly granularity: Granularity;
    readonly completenessDays: number;
    readonly access: AccessType;
    readonly processingDate: string;
    readonly newestDate: string;
  },
): boolean {
  const { granularity, completenessDays, access, processingDate, newestDate } = delivery;
  if (granularity !== 'DAILY') return true;
  const known = access === 'ONGOING' ? processingDate : addDays(newestDate, 1);
  return addDays(date, completenessDays) <= known;
}
