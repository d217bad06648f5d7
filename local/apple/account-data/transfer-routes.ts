import type { Operation } from './calls.ts';
import type { Service } from './scenario.ts';

/** Path prefix of each service. */
export const BASE_PATHS: Readonly<Record<Service, string>> = {
  'account-data': '/api/transfer/accountdata',
  'app-data': '/api/transfer/appdata',
};

/** An operation of the API and the ids in its path. */
export interface TransferRoute {
  readonly operation: Extract<Operation, 'submit' | 'resubmit' | 'status' | 'fetch' | 'cancel'>;
  readonly parentRequestId?: string;
  readonly requestId?: string;
}

function idsOf(parts: readonly string[]): Pick<TransferRoute, 'parentRequestId' | 'requestId'> | undefined {
  const [first, second] = parts.map(decodeURIComponent);
  if (first === undefined || first === '' || second === '' || parts.length > 2) return undefined;
  return second === undefined ? { requestId: first } : { parentRequestId: first, requestId: second };
}

/** What a call is; `undefined` for a path outside the API or another verb than it has. */
export function matchRoute(service: Service, method: string, path: string): TransferRoute | undefined {
  const base = `${BASE_PATHS[service]}/`;
  if (!path.startsWith(base)) return undefined;
  const [head = '', ...rest] = path.slice(base.length).split('/');
  if (method === 'POST') {
    if (rest.length > 0) return undefined;
    return head === 'submit' || head === 'resubmit' || head === 'cancel' ? { operation: head } : undefined;
  }
  if (method !== 'GET') return undefined;
  // `fetch` stands where a parent id may stand, so it comes first.
  const isFetch = head === 'fetch';
  const ids = idsOf(isFetch ? rest : [head, ...rest]);
  return ids === undefined ? undefined : { operation: isFetch ? 'fetch' : 'status', ...ids };
}
