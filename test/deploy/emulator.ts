import { readFile, symlink } from 'node:fs/promises';
import { request } from 'node:https';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { realClock } from '../../local/clock.ts';
import { freePort } from '../support/free-port.ts';
import { DeployProofError } from './proof-error.ts';
import { startServer } from './server-process.ts';

/** The emulator's only account and Region. */
export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

const LAUNCHER = fileURLToPath(new URL('./launcher.py', import.meta.url));
const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const READY_WITHIN_MILLISECONDS = 60_000;

export interface Emulator {
  readonly endpoint: string;
  /** PEM of the certificate that its endpoint shows, and the file that holds it. */
  readonly certificate: Buffer;
  readonly certificateFile: string;
  /** What the launcher repaired, a text each. */
  readonly repairs: readonly string[];
  stop(): Promise<void>;
}

function answers(url: string, certificate: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(url, { ca: certificate, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('error', () => resolve(false));
    call.end();
  });
}

async function certificateOf(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** This process's PATH with its Node first, so that functions and the CDK app run on it. */
export function pathWithThisNode(): string {
  return `${dirname(process.execPath)}:${process.env.PATH ?? '/usr/bin:/bin'}`;
}

/**
 * Starts the emulator on a free port of 127.0.0.1 with TLS and IAM, all its files below `directory`, waits of
 * Step Functions skipped. Throws `DeployProofError` with its last words when it does not come up.
 */
export async function startEmulator(python: string, directory: string): Promise<Emulator> {
  // The handler that CDK adds to empty buckets expects the runtime's own SDK; functions are unpacked below TMPDIR.
  await symlink(NODE_MODULES, join(directory, 'node_modules'));
  const port = await freePort();
  const server = await startServer({
    name: 'the emulator',
    command: python,
    words: ['-u', LAUNCHER],
    // The emulator hands its whole environment on to the functions.
    environment: {
      PATH: pathWithThisNode(),
      HOME: directory,
      TMPDIR: directory,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      IOT_MTLS_ENABLED: '0',
      AUTH: 'true',
      USE_SSL: '1',
      SFN_WAIT_SCALE: '0',
    },
  });
  const { repairs } = z.object({ repairs: z.array(z.string()) }).parse(server.firstLine);
  const endpoint = `https://127.0.0.1:${port}`;
  const certificateFile = join(directory, 'ministack-tls', 'server.crt');
  const until = realClock.now() + READY_WITHIN_MILLISECONDS;
  while (realClock.now() < until) {
    server.assertRunning();
    const certificate = await certificateOf(certificateFile);
    if (certificate !== undefined && (await answers(`${endpoint}/_ministack/health`, certificate))) {
      return { endpoint, certificate, certificateFile, repairs, stop: () => server.stop() };
    }
    await realClock.sleep(100);
  }
  await server.stop();
  throw new DeployProofError(
    `the emulator did not answer within ${READY_WITHIN_MILLISECONDS / 1000} seconds`,
  );
}
