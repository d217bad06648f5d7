import type { Clock } from '../../clock.ts';
import type { StandInResponse } from '../../http.ts';
import type { UrlSigner } from '../signed-urls.ts';
import { empty } from './answers.ts';
import type { Archives } from './archives.ts';
import type { Consents } from './consents.ts';
import type { Call, CarriedOut, HostBehaviour } from './host.ts';
import type { RequestLedger, TransferRequest } from './request-ledger.ts';
import type { AccountDataWorld } from './scenario.ts';
import type { Violations } from './violations.ts';

/** What the asset host is made of. */
export interface AssetHostParts {
  readonly world: AccountDataWorld;
  readonly clock: Clock;
  readonly consents: Consents;
  readonly ledger: RequestLedger;
  readonly archives: Archives;
  readonly signer: UrlSigner;
  readonly violations: Violations;
  /** Called when an archive was sent whole. */
  readonly onServed: (request: TransferRequest, name: string) => void;
}

const PATH = /^\/transfer\/([0-9A-F-]+)\/(\d+)(?:-\d+)?\.zip$/;

/** Path of an archive; `alias` gives it another name in a list that renames. */
export function assetPath(requestId: string, number: number, alias = ''): string {
  return `/transfer/${requestId}/${number}${alias}.zip`;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The bytes that a Range header asks for; `undefined` when it does not count. */
function rangeOf(header: string | undefined, size: number): Range | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = match[2] === '' ? size : Math.min(size, Number(match[2]) + 1);
  return start >= size || end <= start ? 'unsatisfiable' : { start, end };
}

/** The host that the URLs of `assetInfo` lead to: signed URLs and no other credential. */
export function assetHost(parts: AssetHostParts): HostBehaviour {
  const { world, clock, consents, ledger, archives, signer, violations, onServed } = parts;
  const { assetsRanges, strictAssets } = world.variants;

  function found(url: URL): { request: TransferRequest; number: number } | undefined {
    const [, requestId = '', number = ''] = PATH.exec(url.pathname) ?? [];
    const request = ledger.byId(requestId);
    const isThere =
      request !== undefined && Number(number) >= 1 && Number(number) <= archives.countOf(request);
    return isThere ? { request, number: Number(number) } : undefined;
  }

  /** The status of a refusal; `undefined` when the URL is to be honoured. */
  function refusalOf({ request, url, subject }: Call, of: TransferRequest | undefined): number | undefined {
    if (request.headers.authorization !== undefined) {
      violations.add('credential-on-asset-host', 'a call with an Authorization header', subject);
      if (strictAssets) return 400;
    }
    const problem = signer.problemOf(url.pathname, url.searchParams, clock.now());
    if (problem === 'expired' && url.searchParams.get('X-Amz-Expires') !== '0')
      violations.add('url-used-late', `${url.pathname} after its life`, subject);
    if (problem !== undefined) return 403;
    if (of === undefined) return 404;
    if (clock.now() >= consents.endOf(of.person, of.consent)) return 403;
    return request.method === 'GET' ? undefined : 405;
  }

  function headersOf(etag: string): Record<string, string> {
    const type = { 'content-type': 'application/zip' };
    return assetsRanges ? { ...type, 'accept-ranges': 'bytes', etag } : type;
  }

  async function archive(call: Call, of: TransferRequest, number: number): Promise<CarriedOut> {
    const content = await archives.contentOf(of, number);
    const { name, size } = content;
    const etag = `"${content.etag}"`;
    const { range: asked, 'if-range': ifRange } = call.request.headers;
    const isRangeMeant = assetsRanges && (ifRange === undefined || ifRange === etag);
    const range = isRangeMeant ? rangeOf(asked, size) : undefined;
    if (range === 'unsatisfiable')
      return {
        answer: {
          ...empty(416),
          headers: { 'content-range': `bytes */${size}`, 'content-length': '0' },
        },
      };
    const { start, end } = range ?? { start: 0, end: size };
    const answer: StandInResponse = {
      status: range === undefined ? 200 : 206,
      headers: {
        ...headersOf(etag),
        'content-length': String(end - start),
        ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
      },
      body: content.read(start, end),
    };
    return range === undefined ? { answer, onDelivered: () => onServed(of, name) } : { answer };
  }

  return {
    name: 'assets',
    describe({ url }) {
      const asset = found(url);
      if (asset === undefined) return { operation: 'asset', subject: {} };
      const { request, number } = asset;
      const parent = request.series === undefined ? {} : { parentRequestId: request.series.id };
      const subject = {
        externalId: request.person.externalId,
        requestId: request.id,
        ...parent,
        archive: number,
      };
      return { operation: 'asset', subject };
    },
    async carryOut(call) {
      const asset = found(call.url);
      const refusal = refusalOf(call, asset?.request);
      if (refusal !== undefined || asset === undefined) return { answer: empty(refusal ?? 404) };
      return archive(call, asset.request, asset.number);
    },
  };
}

/** Order and names of a request's list at the n-th fetch from 0, by the world's variant. */
export function listedPaths(
  world: AccountDataWorld,
  requestId: string,
  count: number,
  fetch: number,
): string[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const { listOrder } = world.variants;
  if (fetch === 0 || listOrder === 'stable') return numbers.map((number) => assetPath(requestId, number));
  if (listOrder === 'renamed') return numbers.map((number) => assetPath(requestId, number, `-${fetch}`));
  if (listOrder === 'shrinking')
    return numbers.slice(0, Math.max(1, count - fetch)).map((number) => assetPath(requestId, number));
  const shift = fetch % Math.max(1, count);
  return [...numbers.slice(shift), ...numbers.slice(0, shift)].map((number) => assetPath(requestId, number));
}
