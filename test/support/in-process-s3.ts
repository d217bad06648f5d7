import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import type { VirtualClock } from '../../local/clock.ts';
import type { StandInHandler } from '../../local/http.ts';
import { s3RequestHandler } from '../../local/s3/request-handler.ts';
import { createS3Service } from '../../local/s3/service.ts';
import { promptRetries } from './prompt-retries.ts';

// The SDK warns about the refusals that tests ask for.
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

const PRINCIPAL = { name: 'tests', accessKeyId: 'AKIATESTS', secretAccessKey: 'tests-only' };

/** One bucket in a directory of its own, reached without a socket. */
export class InProcessS3 {
  readonly directory: string;
  /** Answers requests as S3 does; a test may stand in front of it. */
  readonly handle: StandInHandler;
  readonly #bucket: string;
  readonly #clock: VirtualClock;
  readonly #close: () => Promise<void>;

  constructor(clock: VirtualClock, bucket: string) {
    this.directory = mkdtempSync(join(tmpdir(), 'in-process-s3-'));
    this.#clock = clock;
    this.#bucket = bucket;
    const service = createS3Service({
      directory: this.directory,
      clock,
      region: 'us-east-1',
      principals: () => PRINCIPAL,
      buckets: [{ name: bucket, versioned: false }],
    });
    this.handle = service.handle;
    this.#close = () => service.close();
  }

  /** The bucket through a client without retries, whose requests go to `handle`. */
  store(handle: StandInHandler = this.handle): ObjectStore {
    const client = new S3Client({
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1',
      forcePathStyle: true,
      credentials: PRINCIPAL,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 1,
      retryStrategy: promptRetries(1),
      logger: SILENT,
      requestHandler: s3RequestHandler(withoutDate(handle)),
    });
    // Signatures carry virtual time, which runs away from the machine's.
    client.middlewareStack.add(
      (next) => (input) => {
        client.config.systemClockOffset = this.#clock.now() - Date.now();
        return next(input);
      },
      { step: 'initialize' },
    );
    return objectStore(client, this.#bucket);
  }

  /** Bytes of an object. */
  bytes(key: string): Buffer {
    return readFileSync(join(this.directory, this.#bucket, key));
  }

  async close(): Promise<void> {
    await this.#close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/**
 * The SDK takes the distance between virtual and real time for a wrong clock, and repeats every refusal once it has
 * set its own clock by the Date header.
 */
function withoutDate(handle: StandInHandler): StandInHandler {
  return async (request) => {
    const answer = await handle(request);
    const { date: _, ...headers } = answer.headers;
    return { ...answer, headers };
  };
}
