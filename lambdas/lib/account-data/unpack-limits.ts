import * as z from 'zod';
import { EnvironmentError } from '../errors.ts';

/** How much an archive of a stranger may be; what is more is refused and kept as it came. One default each. */
export const unpackLimits = z.strictObject({
  /** Bytes of one entry when inflated. Default 8 GB. */
  entryBytes: z.int().positive().default(8_000_000_000),
  /** Bytes of all entries of one archive when inflated. Default 64 GB. */
  archiveBytes: z.int().positive().default(64_000_000_000),
  /** Inflated bytes per compressed byte, of an entry and of a whole archive. Default 200. */
  ratio: z.int().positive().default(200),
  /** Entries of one archive. Default 100,000. */
  entries: z.int().positive().default(100_000),
});
export type UnpackLimits = z.infer<typeof unpackLimits>;

/** The limits of a deployment that names none. */
export const DEFAULT_UNPACK_LIMITS: UnpackLimits = unpackLimits.parse({});

/**
 * Reads the limits from the JSON text of the environment variable UNPACK_LIMITS.
 * Fails with EnvironmentError when it is no such text.
 */
export function readUnpackLimits(text: string): UnpackLimits {
  try {
    return unpackLimits.parse(JSON.parse(text));
  } catch (cause) {
    throw new EnvironmentError(
      'The environment variable UNPACK_LIMITS is not the JSON of limits: deploy the account data stack again, which sets it.',
      { details: { variable: 'UNPACK_LIMITS' }, cause },
    );
  }
}
