import * as z from 'zod';
import { manifestInstance } from '../transfer-manifest.ts';

/**
 * What became of an instance, written last by unpacking: it says that records, files and the lines about the members
 * stand. It holds no clock time, so a repeated run leaves the same bytes.
 */
export const unpackedManifest = manifestInstance.extend({
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
