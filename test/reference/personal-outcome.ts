import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type Grant, grant as grantSchema } from '../../lambdas/lib/account-data/grant.ts';
import {
  CALL_STOP_KEY,
  GRANTS_PREFIX,
  kindPrefix,
  PERSONAL_KINDS,
} from '../../lambdas/lib/lake/personal-keys.ts';
import { PERSONAL_BUCKET } from '../../local/commands/grants-lake.ts';

const COMPARED_BYTES = PERSONAL_KINDS.map(kindPrefix);

/** Every key of the personal bucket; none where nothing was ever written. */
async function personalKeys(lakeDirectory: string): Promise<string[]> {
  const bucket = join(lakeDirectory, PERSONAL_BUCKET);
  const entries = await readdir(bucket, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(bucket, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** Where a grant and its series stand, without times, tokens and ids of calls, which differ from run to run. */
function standingOf({ status, attention, refusedAt, fallback, series }: Grant): string {
  return JSON.stringify({
    status,
    attention,
    isRefused: refusedAt !== undefined,
    fallback,
    series: series.map(({ parentRequestId, status: of, endedBy, cancel, instances }) => ({
      parentRequestId,
      status: of,
      endedBy,
      cancel: cancel && { scope: cancel.scope, by: cancel.by },
      instances: instances.map(({ number, state, requestId, jobStatus }) => ({
        number,
        state,
        requestId,
        jobStatus,
      })),
    })),
  });
}

/** Takes down what lies in the personal bucket: grants and the stop of calls by what they say, all else by its bytes. */
export async function notePersonal(
  lakeDirectory: string,
  note: (what: string, value: string) => void,
): Promise<void> {
  for (const key of await personalKeys(lakeDirectory)) {
    const bytes = await readFile(join(lakeDirectory, PERSONAL_BUCKET, key));
    if (COMPARED_BYTES.some((prefix) => key.startsWith(prefix))) {
      note(key, createHash('sha256').update(bytes).digest('hex'));
    } else if (key.startsWith(GRANTS_PREFIX)) {
      note(key, standingOf(grantSchema.parse(JSON.parse(String(bytes)))));
    } else if (key === CALL_STOP_KEY) {
      const { reason, refusals } = JSON.parse(String(bytes)) as { reason?: string; refusals: unknown[] };
      note(key, `${reason}, ${refusals.length} refusals`);
    }
  }
}
