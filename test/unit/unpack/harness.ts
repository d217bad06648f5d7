import { join } from 'node:path';
import { Readable } from 'node:stream';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach } from 'vitest';
import type { UnpackAnswer, UnpackCursor } from '../../../lambdas/lib/account-data/contracts.ts';
import type { AccountDataFileLine } from '../../../lambdas/lib/account-data/table-columns.ts';
import type { TransferManifest } from '../../../lambdas/lib/account-data/transfer-manifest.ts';
import { unpackArchives } from '../../../lambdas/lib/account-data/unpack/unpack-archives.ts';
import {
  type UnpackedManifest,
  unpackedManifest,
} from '../../../lambdas/lib/account-data/unpack/unpacked-manifest.ts';
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from '../../../lambdas/lib/account-data/unpack-limits.ts';
import { multipartPut } from '../../../lambdas/lib/lake/multipart-put.ts';
import { jsonText, type ObjectStore, objectStore } from '../../../lambdas/lib/lake/object-store.ts';
import { archiveKey, membersKey, transferKey, unpackedKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import type { StandInHandler } from '../../../local/http.ts';
import { s3RequestHandler } from '../../../local/s3/request-handler.ts';
import { BUCKET, startStore, type TestStore } from '../local-s3-harness.ts';

export const INSTANCE = {
  grantId: '6f9d2a4e-7f0c-4d53-9b1a-2f6c1c3f9a10',
  requestId: '7BBBD45D-1111-4222-8333-444455556666',
};

/** What an archive is, beside its bytes. */
export type PutArchive = Buffer | { readonly outcome: 'too-large' | 'gone' | 'host-refused' };

/** A clock that moves on whenever somebody looks at it, so that time is counted work. */
class CountingClock {
  milliseconds = Date.parse('2026-11-21T00:00:00Z');
  readonly #step: number;

  constructor(step: number) {
    this.#step = step;
  }

  now(): number {
    this.milliseconds += this.#step;
    return this.milliseconds;
  }

  async sleep(milliseconds: number): Promise<void> {
    this.milliseconds += milliseconds;
  }
}

let database: Promise<DuckDBInstance> | undefined;
afterAll(async () => (await database)?.closeSync());

const open: UnpackWorld[] = [];
afterEach(async () => {
  for (const world of open.splice(0)) await world.close();
});

/** A personal bucket with one fetched instance, and the flow that unpacks it. */
export class UnpackWorld {
  readonly store: ObjectStore;
  readonly counted = new Map<string, number>();
  readonly logged: string[] = [];
  limits: UnpackLimits = DEFAULT_UNPACK_LIMITS;
  /** Length of each invocation, and how much of it passes whenever the flow looks at the clock. */
  invocationMilliseconds = 100_000_000;
  lookMilliseconds = 1;
  /** Stands between the flow and S3. */
  intercept: (next: StandInHandler) => StandInHandler = (next) => next;
  readonly #server: TestStore;

  static async create(
    archives: readonly PutArchive[],
    changes: Partial<TransferManifest> = {},
  ): Promise<UnpackWorld> {
    const world = new UnpackWorld(await startStore());
    open.push(world);
    await world.#fetch(archives, changes);
    return world;
  }

  private constructor(server: TestStore) {
    this.#server = server;
    this.store = objectStore(server.client, BUCKET);
  }

  get directory(): string {
    return join(this.#server.directory, BUCKET);
  }

  async #fetch(archives: readonly PutArchive[], changes: Partial<TransferManifest>): Promise<void> {
    const listed: TransferManifest['archives'] = [];
    for (const [index, archive] of archives.entries()) {
      const number = index + 1;
      const isFetched = Buffer.isBuffer(archive);
      const bytes = isFetched ? archive.length : 0;
      listed.push({ number, name: `${number}.zip`, outcome: isFetched ? 'fetched' : archive.outcome, bytes });
      if (!isFetched) continue;
      const options = { onlyIfAbsent: false, metadata: {} };
      await multipartPut(this.store, archiveKey(INSTANCE, number), Readable.from([archive]), options);
    }
    const manifest: TransferManifest = {
      ...INSTANCE,
      ...{ parentRequestId: null, service: 'account-data', mode: 'ONE_TIME', series: 1, instance: 1 },
      instanceAt: '2026-11-20T01:02:03.456Z',
      partial: archives.some((archive) => !Buffer.isBuffer(archive)),
      archives: listed,
      ...changes,
    };
    await this.store.writeText(transferKey(INSTANCE), jsonText(manifest));
  }

  #client(): S3Client {
    return this.#server.clientWith({
      requestHandler: s3RequestHandler(this.intercept(this.#server.service.handle)),
    });
  }

  /** One invocation. */
  async invoke(cursor: UnpackCursor | null = null): Promise<UnpackAnswer> {
    const clock = new CountingClock(this.lookMilliseconds);
    const say = (message: string, fields?: unknown) => {
      this.logged.push(`${message} ${JSON.stringify(fields)}`);
    };
    const client = this.#client();
    try {
      return await unpackArchives(
        {
          clock,
          deadline: clock.milliseconds + this.invocationMilliseconds,
          limits: this.limits,
          store: objectStore(client, BUCKET),
          log: { info: say, warn: say, error: say },
          metrics: { count: (name, value) => this.counted.set(name, (this.counted.get(name) ?? 0) + value) },
        },
        { ...INSTANCE, cursor },
      );
    } finally {
      client.destroy();
    }
  }

  /** Invocations until nothing more is to be done, as the state machine makes them. */
  async run(): Promise<{ answer: UnpackAnswer; invocations: number }> {
    let cursor: UnpackCursor | null = null;
    for (let invocations = 1; ; invocations += 1) {
      const answer = await this.invoke(cursor);
      if (answer.phase !== 'more') return { answer, invocations };
      cursor = answer.cursor;
    }
  }

  async lines(): Promise<AccountDataFileLine[]> {
    const text = (await this.store.readText(membersKey(INSTANCE)))?.value ?? '';
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AccountDataFileLine);
  }

  async manifest(): Promise<UnpackedManifest | undefined> {
    return (await this.store.readJson(unpackedKey(INSTANCE), unpackedManifest))?.value;
  }

  /** Rows of one object, or all of `records/`, as DuckDB reads them. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    database ??= DuckDBInstance.create(':memory:');
    const connection = await (await database).connect();
    try {
      await connection.run(`SET VARIABLE bucket = '${this.directory}'`);
      const reader = await connection.runAndReadAll(sql);
      return reader.getRowObjectsJson() as Record<string, unknown>[];
    } finally {
      connection.closeSync();
    }
  }

  /** The fields of all rows of a member, in their order. */
  async fields(member = '%'): Promise<Record<string, string | null>[]> {
    const rows = await this.query(
      `SELECT map_entries(fields)::JSON AS entries FROM read_parquet(getvariable('bucket') || '/records/**/*.parquet', hive_partitioning = false)
       WHERE member LIKE '${member}' ORDER BY archive, member, row_number`,
    );
    return rows.map(({ entries }) =>
      Object.fromEntries(
        (JSON.parse(String(entries)) as { key: string; value: string | null }[]).map(({ key, value }) => [
          key,
          value,
        ]),
      ),
    );
  }

  async bytes(key: string): Promise<Buffer> {
    const answer = await this.#server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
    return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
  }

  /** Everything that was published, by key, in hex. */
  async published(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const prefix of ['records/', 'files/', 'members/', 'manifests/']) {
      for (const key of await this.store.list(prefix)) found[key] = (await this.bytes(key)).toString('hex');
    }
    return found;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
