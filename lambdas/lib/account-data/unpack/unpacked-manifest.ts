import * as z from 'zod';
import { grantId, mode, service } from '../contracts.ts';

/**
 * What became of an instance, written last by unpacking: it says that records, files and the lines about the members
 * stand. It holds no clock time, so a repeated run leaves the same bytes.
 */
export const unpackedManifest = z.object({
  grantId,
  requestId: z.string(),
  parentRequestId: z.string().nullable(),
  service,
  mode,
  series: z.int().positive(),
  instance: z.int().positive(),
  /** When the instance was asked for, ISO 8601. */
  instanceAt: z.iso.datetime(),
  /** Apple said `completed_with_error`, or an archive of its list is missing. */
  partial: z.boolean(),
  /** Not partial, and every member of every archive was unpacked: such an instance may be the current one. */
  complete: z.boolean(),
  archives: z.int().nonnegative(),
  members: z.int().nonnegative(),
  rows: z.int().nonnegative(),
  /** Bytes of all members that were unpacked. */
  bytes: z.int().nonnegative(),
  /** How often each outcome of a member or an archive came up. */
  outcomes: z.record(z.string(), z.int().positive()),
});
export type UnpackedManifest = z.infer<typeof unpackedManifest>;
