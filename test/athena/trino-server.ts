import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { killWithThisProcess, lastWords } from './child-process.ts';
import type { StorageAccess } from './lake-server.ts';
import { METASTORE_LOCATION } from './metastore.ts';
import { AthenaProofError } from './proof-error.ts';
import { TRINO_VERSION, type TrinoInstallation } from './tools.ts';
import { ATHENA_CATALOG, COLUMN_READING_CATALOG, TrinoQueryError, trinoClient } from './trino-client.ts';

const READY_WITHIN_MILLISECONDS = 120_000;
const POLL_MILLISECONDS = 500;
/** What a server says that is up and not yet ready: it answers `SELECT 1` before it can read a table. */
const NOT_YET_READY = new Set(['SERVER_STARTING_UP', 'NO_NODES_AVAILABLE', 'CATALOG_NOT_FOUND', 'HTTP 404']);

/** The same tables twice: the second catalog reads of a Parquet file no more than its tail and the columns asked for. */
const CATALOGS = {
  [ATHENA_CATALOG]: {},
  [COLUMN_READING_CATALOG]: { 'parquet.small-file-threshold': '0B', 'parquet.max-merge-distance': '0B' },
};

export interface TrinoServer {
  readonly origin: string;
  stop(): Promise<void>;
}

export interface TrinoServerOptions {
  readonly installation: TrinoInstallation;
  /** Where the lake and the metastore are. */
  readonly storage: StorageAccess;
  /** Takes configuration, logs and temporary files; exists, and is removed by the caller. */
  readonly directory: string;
  /** A statement that reads a table; when it answers, the server is ready. */
  readonly firstStatement: string;
}

function properties(values: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function writeConfiguration(
  directory: string,
  origin: string,
  port: number,
  storage: StorageAccess,
): Promise<void> {
  await mkdir(join(directory, 'catalog'), { recursive: true });
  await writeFile(join(directory, 'log.properties'), properties({ 'io.trino': 'WARN' }));
  await writeFile(
    join(directory, 'config.properties'),
    properties({
      coordinator: true,
      'node-scheduler.include-coordinator': true,
      'http-server.http.port': port,
      'discovery.uri': origin,
      'query.max-memory': '128MB',
      'query.max-memory-per-node': '128MB',
      'memory.heap-headroom-per-node': '64MB',
      'catalog.management': 'static',
    }),
  );
  const hive = {
    'connector.name': 'hive',
    'hive.metastore': 'file',
    'hive.metastore.catalog.dir': METASTORE_LOCATION,
    'hive.recursive-directories': true,
    'hive.partition-projection-enabled': true,
    'hive.security': 'allow-all',
    'fs.hadoop.enabled': false,
    'fs.native-s3.enabled': true,
    's3.endpoint': storage.endpoint,
    's3.region': storage.region,
    's3.path-style-access': true,
    's3.aws-access-key': storage.credentials.accessKeyId,
    's3.aws-secret-key': storage.credentials.secretAccessKey,
  };
  for (const [catalog, settings] of Object.entries(CATALOGS)) {
    const file = join(directory, 'catalog', `${catalog}.properties`);
    await writeFile(file, properties({ ...hive, ...settings }));
  }
}

function startProcess({ classPath, pluginDirectory }: TrinoInstallation, directory: string): ChildProcess {
  const settings = {
    'jdk.attach.allowAttachSelf': true,
    'file.encoding': 'UTF-8',
    config: join(directory, 'config.properties'),
    'log.levels-file': join(directory, 'log.properties'),
    'plugin.dir': pluginDirectory,
    'catalog.config-dir': join(directory, 'catalog'),
    'node.environment': 'test',
    'node.id': 'proof',
    'node.data-dir': join(directory, 'data'),
    'node.bind-ip': '127.0.0.1',
    'node.internal-address': '127.0.0.1',
    'java.io.tmpdir': directory,
  };
  return spawn(
    'java',
    [
      ...['-Xmx512M', '-XX:+UseG1GC', '-XX:TieredStopAtLevel=1', '-XX:ReservedCodeCacheSize=128M'],
      '-XX:+ExitOnOutOfMemoryError',
      ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
      ...['-cp', classPath, 'TrinoLauncher', TRINO_VERSION],
    ],
    { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
}

async function isReady(origin: string, statement: string): Promise<boolean> {
  try {
    await trinoClient(origin, 'information_schema').run(statement);
    return true;
  } catch (error) {
    // A refused connection is a TypeError of fetch.
    if (error instanceof TypeError) return false;
    if (error instanceof TrinoQueryError && NOT_YET_READY.has(error.errorName)) return false;
    throw error;
  }
}

/**
 * Starts Trino on a free port of 127.0.0.1 with a heap of 512 MB. Throws `AthenaProofError` with its last words
 * when it ends or is not ready within two minutes, and what the first statement throws otherwise.
 */
export async function startTrino(options: TrinoServerOptions): Promise<TrinoServer> {
  const { directory, storage, firstStatement } = options;
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  await writeConfiguration(directory, origin, port, storage);
  const child = startProcess(options.installation, directory);
  const release = killWithThisProcess(child);
  const words = lastWords(child);
  const closed = once(child, 'close');
  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    await closed;
    release();
  }
  const until = performance.now() + READY_WITHIN_MILLISECONDS;
  try {
    while (!(await isReady(origin, firstStatement))) {
      if (child.exitCode !== null) throw new AthenaProofError(`Trino has ended: ${words()}`);
      if (performance.now() > until) throw new AthenaProofError(`Trino is not ready: ${words()}`);
      await sleep(POLL_MILLISECONDS);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { origin, stop };
}
