import { Readable } from 'node:stream';
import type { StandInResponse } from '../../http.ts';
import type { FaultKind } from './faults.ts';

const DRIP_BYTES = 64;

async function bytesOf({ body }: StandInResponse): Promise<Buffer> {
  return body instanceof Readable ? Buffer.concat(await body.toArray()) : Buffer.from(body as Uint8Array);
}

function withBytes(answer: StandInResponse, bytes: Buffer): StandInResponse {
  return { ...answer, headers: { ...answer.headers, 'content-length': String(bytes.length) }, body: bytes };
}

function withLength(answer: StandInResponse, bytes: Buffer, length: number): StandInResponse {
  return { ...answer, headers: { ...answer.headers, 'content-length': String(length) }, body: bytes };
}

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  const middle = Math.floor(changed.length / 2);
  changed.writeUInt8(changed.readUInt8(middle) ^ 0xff, middle);
  return changed;
}

function stalled(bytes: Buffer): Readable {
  const body = new Readable({ read: () => {} });
  body.push(bytes.subarray(0, Math.floor(bytes.length / 2)));
  return body;
}

function* drops(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += DRIP_BYTES) yield bytes.subarray(at, at + DRIP_BYTES);
}

type Change = (answer: StandInResponse, bytes: Buffer) => StandInResponse;

const CHANGES: Partial<Readonly<Record<FaultKind, Change>>> = {
  'truncated-archive': (answer, bytes) =>
    withBytes(answer, bytes.subarray(0, Math.floor((bytes.length * 2) / 3))),
  'wrong-bytes': (answer, bytes) => withBytes(answer, flipped(bytes)),
  // A server that has said more than it has can only break off.
  'shorter-than-length': (answer, bytes) => ({
    ...withLength(answer, bytes, bytes.length + 1),
    cutAfterBytes: bytes.length,
  }),
  'longer-than-length': (answer, bytes) => withLength(answer, bytes, bytes.length - 1),
  'missing-length': (answer, bytes) => {
    const { 'content-length': _, ...headers } = answer.headers;
    return { ...answer, headers, body: Readable.from([bytes]) };
  },
  'cut-body': (answer, bytes) => ({ ...answer, body: bytes, cutAfterBytes: Math.floor(bytes.length / 2) }),
  'stalled-body': (answer, bytes) => ({ ...answer, body: stalled(bytes) }),
  'dripping-body': (answer, bytes) => ({ ...answer, body: Readable.from(drops(bytes)) }),
};

/** A whole archive as a fault of stage `body` changes it; refusals stay as they are. */
export async function changeBody(kind: FaultKind, answer: StandInResponse): Promise<StandInResponse> {
  const change = CHANGES[kind];
  if (change === undefined || (answer.status !== 200 && answer.status !== 206)) return answer;
  return change(answer, await bytesOf(answer));
}
