import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killWithThisProcess, lastWords } from './child-process.ts';
import { AthenaProofError } from './proof-error.ts';

const START = fileURLToPath(new URL('../../local/commands/start.ts', import.meta.url));

/** What `npm start` leaves. */
export interface DemonstrationLake {
  readonly lakeDirectory: string;
  readonly assemblyDirectory: string;
}

/** Runs `npm start` in a folder, where its `.local/` comes to lie; throws `AthenaProofError` with its last words. */
export async function makeDemonstrationLake(directory: string): Promise<DemonstrationLake> {
  const child = spawn(process.execPath, [START], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const release = killWithThisProcess(child);
  const words = lastWords(child);
  const [code] = (await once(child, 'close')) as [number | null];
  release();
  if (code !== 0) throw new AthenaProofError(`npm start ended with ${code ?? 'a signal'}: ${words()}`);
  const state = join(directory, '.local');
  return { lakeDirectory: join(state, 'lake'), assemblyDirectory: join(state, 'cdk.out') };
}
