import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** A payload as a definition of that release handed it to a function. */
const recordedPayload = z.object({ functionArn: z.string(), payload: z.unknown() });
export type RecordedPayload = z.infer<typeof recordedPayload>;

const recordedRelease = z.object({
  /** Definitions as they were deployed, by machine; executions that wait keep theirs. */
  definitions: z.record(z.string(), z.unknown()),
  payloads: z.array(recordedPayload),
});

/** What an earlier release left behind in executions that still run. */
export type RecordedRelease = z.infer<typeof recordedRelease>;

export const RECORDED_RELEASE_FILE = join(import.meta.dirname, 'recorded-release.json');

/** Reads what `npm run record:release` wrote. */
export function readRecordedRelease(): RecordedRelease {
  return recordedRelease.parse(JSON.parse(readFileSync(RECORDED_RELEASE_FILE, 'utf8')));
}
