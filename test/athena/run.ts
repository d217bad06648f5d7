import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { DATABASE_NAME } from '../../infra/tables.ts';
import { createProgress } from '../../local/commands/progress.ts';
import { CheckList } from '../deploy/check-list.ts';
import { addAccountData } from './account-data-fixture.ts';
import { makeDemonstrationLake } from './demonstration-lake.ts';
import { checkEdgeValues } from './edge-values.ts';
import { serveLake } from './lake-server.ts';
import { createMetastore, writeDatabase } from './metastore.ts';
import { proveLake, shippedTables } from './proof.ts';
import { AthenaProofError } from './proof-error.ts';
import { checkReadBytes } from './read-bytes.ts';
import { prepareTrino, type TrinoInstallation } from './tools.ts';
import { trinoClient } from './trino-client.ts';
import { startTrino } from './trino-server.ts';

/** The exit code of an optional command whose tools are missing: skipped is not passed. */
const SKIPPED = 3;
const TOOLS_DIRECTORY = fileURLToPath(new URL('../../.local/test-athena', import.meta.url));

const NOT_PROVED = [
  'Athena itself: its engine is a fork of Trino, of another release',
  'Glue, IAM, workgroups, limits, encryption and place of results, UNLOAD, DDL of Athena',
];

async function proveIn(directory: string, installation: TrinoInstallation, checks: CheckList): Promise<void> {
  const lake = await checks.needed('npm start makes a lake and synthesizes its tables', () =>
    makeDemonstrationLake(directory),
  );
  const tables = await checks.needed('the tables are read from the template', () =>
    shippedTables(lake.assemblyDirectory),
  );
  await addAccountData(lake.lakeDirectory);
  const { access, client: storage, close } = await serveLake(lake.lakeDirectory);
  try {
    await createMetastore(storage);
    for (const database of new Set(tables.map((table) => table.database))) {
      await writeDatabase(
        storage,
        database,
        tables.filter((table) => table.database === database),
      );
    }
    const trino = await checks.needed('Trino starts over the plain-file S3 and reads a table', () =>
      startTrino({
        installation,
        storage: access,
        directory,
        firstStatement: `SELECT count(*) FROM ${DATABASE_NAME}.deliveries`,
      }),
    );
    try {
      const trinoOf = (database: string) => trinoClient(trino.origin, database);
      await proveLake({ checks, trinoOf, storage, lake, tables });
      const parts = { checks, storage, trinoOrigin: trino.origin, tables };
      const { lakeDirectory } = lake;
      await checkEdgeValues({ ...parts, lakeDirectory });
      await checkReadBytes({ ...parts, lakeDirectory, print: (line) => console.log(line) });
    } finally {
      await trino.stop();
    }
  } finally {
    await close();
  }
}

async function run(): Promise<void> {
  const progress = createProgress();
  const installation = await prepareTrino(TOOLS_DIRECTORY, (text) => progress.note(text));
  if ('missing' in installation) {
    console.log(`skipped: ${installation.missing}`);
    process.exitCode = SKIPPED;
    return;
  }
  const checks = new CheckList((line) => console.log(line));
  const directory = await mkdtemp(join(tmpdir(), 'apple-data-pipeline-athena-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  try {
    await proveIn(directory, installation, checks);
  } catch (error) {
    // What a check threw is counted already; anything else fails the proof just the same.
    if (checks.failed === 0) checks.record('the proof runs to its end', ['it was cut short']);
    if (error instanceof AthenaProofError) console.log(error.message);
    else console.log(error instanceof Error ? error.stack : error);
  }
  for (const text of NOT_PROVED) console.log(`not proved: ${text}`);
  console.log(`took ${Math.round(performance.now() / 1000)} s`);
  console.log(`${checks.passed} passed, ${checks.failed} failed`);
  process.exitCode = checks.failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

new Command('npm run test:athena --')
  .description(
    'Runs npm start, then asks a real Trino (Java, fetched as Maven artifacts into .local/test-athena/) over the ' +
      'plain-file S3: every table of the synthesized template and every query of queries/ must answer as DuckDB does. ' +
      'Exit code 1 when a check fails, 3 when tools are missing.',
  )
  .allowExcessArguments(false)
  .parse();
await run();
