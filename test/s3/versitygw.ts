import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';

const POLL_MILLISECONDS = 100;
const ATTEMPTS = 100;

/** versitygw over a folder, on 127.0.0.1. */
export interface Versitygw {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  stop(): Promise<void>;
}

async function answers(endpoint: string): Promise<boolean> {
  return fetch(endpoint).then(
    () => true,
    () => false,
  );
}

/** Starts it with credentials of its own; throws with its words when it does not come up. */
export async function startVersitygw(command: string, directory: string): Promise<Versitygw> {
  const [accessKeyId, secretAccessKey] = ['versitygw-root', 'not-a-secret-outside-this-run'];
  const port = await freePort();
  const child = spawn(command, ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, ROOT_ACCESS_KEY_ID: accessKeyId, ROOT_SECRET_ACCESS_KEY: secretAccessKey },
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  const closed = once(child, 'close');
  const endpoint = `http://127.0.0.1:${port}`;
  for (let attempt = 0; !(await answers(endpoint)); attempt += 1) {
    if (child.exitCode !== null || attempt === ATTEMPTS) {
      child.kill();
      throw new Error(`versitygw does not answer: ${words.trim()}`);
    }
    await sleep(POLL_MILLISECONDS);
  }
  return {
    endpoint,
    accessKeyId,
    secretAccessKey,
    async stop() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
