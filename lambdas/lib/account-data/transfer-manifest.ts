import * as z from 'zod';
import { grantId, mode, service } from './contracts.ts';

/** One archive of Apple's list. */
export const transferredArchive = z.object({
  /** Counts from 1 in the order of Apple's first list; names its object. */
  number: z.int().positive(),
  /** Last part of the URL's path, the only thing of it that is kept. */
  name: z.string(),
  /**
   * `fetched`: lies whole under `archives/`; `too-large`: could not pass within a URL's life; `gone`: Apple no longer
   * had it; `host-refused`: its host is not admitted.
   */
  outcome: z.enum(['fetched', 'too-large', 'gone', 'host-refused']),
  /** Bytes that passed. */
  bytes: z.int().nonnegative(),
  /** Lower-case hex, of the bytes under `archives/`. */
  sha256: z.string().optional(),
});
export type TransferredArchive = z.infer<typeof transferredArchive>;

/** Which instance a manifest tells of, as the transfer knew it. */
export const manifestInstance = z.object({
  grantId,
  requestId: z.string(),
  parentRequestId: z.string().nullable(),
  service,
  mode,
  series: z.int().positive(),
  instance: z.int().positive(),
  /** When the instance was asked for, ISO 8601: what orders the instances of a grant. */
  instanceAt: z.iso.datetime(),
  /** Apple said `completed_with_error`, or an archive of its list is missing. */
  partial: z.boolean(),
});

/**
 * What was fetched of an instance, written last by the transfer and read by unpacking, which knows no grants. It holds
 * no clock time but Apple's own order of events, so a repeated step leaves the same bytes.
 */
export const transferManifest = manifestInstance.extend({ archives: z.array(transferredArchive) });
export type TransferManifest = z.infer<typeof transferManifest>;
