import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesBelow } from '../../local/s3/files.ts';
import type { GlueTable } from './glue-tables.ts';
import { writeDatabase } from './metastore.ts';
import {
  type PlantedFaultsParts,
  recordFound,
  recordFoundInAnswer,
  tableAndRows,
  whileObjectIs,
  withWrongNumber,
} from './planting.ts';
import { AthenaProofError } from './proof-error.ts';
import { tableProblems } from './table-checks.ts';

const BUCKET = 'analytics';
const TABLE = 'app_downloads_standard_daily';
const MEASURE = 'counts';
/** Shows the measure of each kind of row. */
const QUERY = 'downloads';
/** Databases whose one table is described wrongly. */
const WRONG_DATABASE = 'wrong_table';

async function plantInObjects(parts: PlantedFaultsParts): Promise<void> {
  const { checks, trino, storage, lakeDirectory } = parts;
  const { table, expected } = tableAndRows(parts, TABLE);
  const prefix = `curated/${TABLE}/`;
  const folder = join(lakeDirectory, BUCKET, prefix);
  const [name] = (await filesBelow(folder)).sort();
  if (name === undefined) throw new AthenaProofError(`${folder} holds no file`);
  const original = await readFile(join(folder, name));
  const wrong = await withWrongNumber(join(folder, name), MEASURE);
  const object = (below: string) => ({ Bucket: BUCKET, Key: prefix + below });
  const look = () => tableProblems({ trino, storage }, table, expected);
  await whileObjectIs(storage, object(name), wrong, original, async () => {
    recordFound(checks, 'a planted wrong value is found in its table', await look());
    await recordFoundInAnswer(parts, '… and in the answer of a shipped query', QUERY);
  });
  recordFound(
    checks,
    'an object of a Date that the table does not project is found',
    await whileObjectIs(storage, object('date=2019-01-01/1.parquet'), original, undefined, look),
  );
  recordFound(
    checks,
    'an object that is no Parquet file is found below a table',
    await whileObjectIs(storage, object('notes.txt'), Buffer.from('no table'), undefined, look),
  );
  checks.record('… and after each of them the table is as it was', await look());
}

async function plantInDescriptions(parts: PlantedFaultsParts): Promise<void> {
  const { checks, trino, storage } = parts;
  const { table: right, expected } = tableAndRows(parts, TABLE);
  const template = right.parameters['storage.location.template'] ?? '';
  const faults: Readonly<Record<string, GlueTable>> = {
    'a table with a wrong location': {
      ...right,
      location: right.location.replace(TABLE, 'elsewhere'),
      parameters: {
        ...right.parameters,
        'storage.location.template': template.replace(TABLE, 'elsewhere'),
      },
    },
    'a column with a wrong type': {
      ...right,
      columns: right.columns.map((column) =>
        column.name === MEASURE ? { ...column, type: 'string' } : column,
      ),
    },
    'a table that projects every second Date': {
      ...right,
      parameters: { ...right.parameters, 'projection.date.interval': '2' },
    },
  };
  for (const [index, [title, table]] of Object.entries(faults).entries()) {
    const wrong = { ...table, database: `${WRONG_DATABASE}_${index}` };
    await writeDatabase(storage, wrong.database, [wrong]);
    recordFound(checks, `${title} is found`, await tableProblems({ trino, storage }, wrong, expected));
  }
}

/** Shows that each kind of check can fail: plants faults in objects and in table descriptions, and takes them back. */
export async function checkPlantedFaults(parts: PlantedFaultsParts): Promise<void> {
  await plantInObjects(parts);
  await plantInDescriptions(parts);
}
