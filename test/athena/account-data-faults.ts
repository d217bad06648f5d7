import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { membersKey, recordsKey } from '../../lambdas/lib/lake/personal-keys.ts';
import { CURRENT_INSTANCE } from './account-data-fixture.ts';
import { writeDatabase } from './metastore.ts';
import {
  type PlantedFaultsParts,
  recordFound,
  recordFoundInAnswer,
  tableAndRows,
  whileObjectIs,
  withWrongNumber,
} from './planting.ts';
import { tableProblems } from './table-checks.ts';

const BUCKET = 'personal';
const FILES = 'account_data_files';
const RECORDS = 'account_data_records';
const WRONG_DATABASE = 'wrong_account_data_table';

async function plantInRecords(parts: PlantedFaultsParts): Promise<void> {
  const { checks, trino, storage, lakeDirectory } = parts;
  const { table, expected } = tableAndRows(parts, RECORDS);
  const Key = recordsKey(CURRENT_INSTANCE, 1, 1);
  const file = join(lakeDirectory, BUCKET, Key);
  const [original, wrong] = [await readFile(file), await withWrongNumber(file, 'row_number')];
  const look = () => tableProblems({ trino, storage }, table, expected);
  await whileObjectIs(storage, { Bucket: BUCKET, Key }, wrong, original, async () => {
    recordFound(checks, `a planted wrong value is found in ${RECORDS}`, await look());
    await recordFoundInAnswer(
      parts,
      '… and in the answer of account-data-current-rows',
      'account-data-current-rows',
    );
  });
  checks.record('… and after that the table is as it was', await look());
}

async function plantInMembers(parts: PlantedFaultsParts): Promise<void> {
  const { checks, trino, storage, lakeDirectory } = parts;
  const { table, expected } = tableAndRows(parts, FILES);
  const Key = membersKey(CURRENT_INSTANCE);
  const original = await readFile(join(lakeDirectory, BUCKET, Key));
  const wrong = Buffer.from(original.toString().replaceAll('"complete":true', '"complete":false'));
  const look = () => tableProblems({ trino, storage }, table, expected);
  await whileObjectIs(storage, { Bucket: BUCKET, Key }, wrong, original, async () => {
    recordFound(checks, `a planted wrong line is found in ${FILES}`, await look());
    for (const query of ['account-data-arrivals', 'account-data-current-rows']) {
      await recordFoundInAnswer(parts, `… and in the answer of ${query}`, query);
    }
  });
  checks.record('… and after that the table is as it was', await look());
}

async function plantInDescriptions(parts: PlantedFaultsParts): Promise<void> {
  const { checks, trino, storage } = parts;
  for (const [index, [name, column]] of [
    [FILES, 'instance_at'],
    [RECORDS, 'fields'],
  ].entries() as Iterable<[number, [string, string]]>) {
    const { table, expected } = tableAndRows(parts, name);
    const wrong = {
      ...table,
      database: `${WRONG_DATABASE}_${index}`,
      columns: table.columns.map((each) => (each.name === column ? { ...each, type: 'string' } : each)),
    };
    await writeDatabase(storage, wrong.database, [wrong]);
    recordFound(
      checks,
      `${name} with a wrong type of ${column} is found`,
      await tableProblems({ trino, storage }, wrong, expected),
    );
  }
}

/** The same for the tables of account data as for those of reports: each kind of check can fail. */
export async function checkAccountDataFaults(parts: PlantedFaultsParts): Promise<void> {
  await plantInRecords(parts);
  await plantInMembers(parts);
  await plantInDescriptions(parts);
}
