import { json } from './answers.ts';
import type { CarriedOut } from './host.ts';
import type { Series } from './request-ledger.ts';
import { REFUSED, type TransferCall, type TransferParts } from './transfer-call.ts';

const CANCELLED: CarriedOut = { answer: json(200, { jobStatus: 'cancelled', status: 'success' }) };

function cancelTerminal({ world }: TransferParts): CarriedOut {
  return world.variants.cancelTerminal === '400'
    ? REFUSED
    : { answer: json(200, { jobStatus: 'cancelled', status: 'error' }) };
}

function cancelSeries(parts: TransferParts, series: Series): CarriedOut {
  const { ledger, clock, world } = parts;
  if (world.variants.cancelIdAccepted === 'instance') return REFUSED;
  const running = series.instances.find((each) => ledger.statusOf(each) === 'in_progress');
  const isIdleAccepted = world.variants.cancelIdleSeries === 'cancelled';
  if (!ledger.isLive(series) || (running === undefined && !isIdleAccepted)) return cancelTerminal(parts);
  if (running !== undefined) running.cancelledAt = clock.now();
  series.endedAt = clock.now();
  return CANCELLED;
}

/** `POST /cancel`: while the request is in progress. */
export function cancel(parts: TransferParts, { person, service, ids }: TransferCall): CarriedOut {
  const { ledger, clock, world } = parts;
  const id = String(ids.requestId);
  const series = ledger.seriesOf(person, service, id);
  if (series !== undefined) return cancelSeries(parts, series);
  const request = ledger.requestOf(person, service, id);
  if (request === undefined) return REFUSED;
  if (request.series !== undefined && world.variants.cancelIdAccepted === 'parent') return REFUSED;
  if (ledger.statusOf(request) !== 'in_progress') return cancelTerminal(parts);
  request.cancelledAt = clock.now();
  if (request.series !== undefined && world.variants.seriesAfterInstanceCancel === 'ends')
    request.series.endedAt = clock.now();
  return CANCELLED;
}
