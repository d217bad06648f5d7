import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { benchmarkTable, DATES } from './curate-input.ts';
import { reportUsage } from './measured-process.ts';

/*
 * The same input by DuckDB's COPY, split by Date on one thread. Files stay open until the end, as otherwise each
 * Date becomes many files; the columns are typed as the table's, because its guess takes numbers for text.
 */
const [input = '', directory = ''] = process.argv.slice(2);
const SETTINGS = {
  threads: '1',
  memory_limit: '700MB',
  temp_directory: join(directory, 'temporary'),
  partitioned_write_max_open_files: String(2 * DATES),
};

const { report } = benchmarkTable();
const columns = report.columns.map(({ name, type }) => `'${name}': '${type}'`).join(', ');
const output = join(directory, 'lake');
const instance = await DuckDBInstance.create(':memory:', SETTINGS);
const connection = await instance.connect();

await reportUsage(
  () =>
    connection.run(
      `COPY (FROM read_csv('${input}', delim = '\t', quote = '', escape = '', header = true, auto_detect = false,
       columns = {${columns}})) TO '${output}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY ("${report.dateColumn}"))`,
    ),
  async () => {
    const answer = await connection.runAndReadAll(
      `SELECT count(*)::DOUBLE AS rows, sum("Counts")::DOUBLE AS counts FROM read_parquet('${output}/**/*.parquet')`,
    );
    const [{ rows, counts } = {}] = answer.getRowObjectsJS();
    const entries = await readdir(output, { recursive: true, withFileTypes: true });
    const sizes = await Promise.all(
      entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => stat(join(parentPath, name))),
    );
    const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
    return { rows: Number(rows), counts: Number(counts), files: sizes.length, bytes };
  },
);
connection.closeSync();
instance.closeSync();
