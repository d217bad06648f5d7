import type { StorageDeps } from '../deps.ts';
import type { TransferManifest } from '../transfer-manifest.ts';
import type { UnpackLimits } from '../unpack-limits.ts';

/** What unpacking works with: no Apple credential and no grant. */
export interface UnpackDeps extends StorageDeps {
  readonly limits: UnpackLimits;
}

/** One invocation's work on one instance. */
export interface UnpackContext {
  readonly deps: UnpackDeps;
  readonly transfer: TransferManifest;
}

/** The invocation's time is over in the middle of an entry; never leaves the flow. */
export class TimeOver extends Error {}

/** Passes content on as long as there is time. */
export async function* whileTimeLasts(
  { clock, deadline }: UnpackDeps,
  content: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    if (clock.now() >= deadline) throw new TimeOver();
    yield chunk;
  }
}
