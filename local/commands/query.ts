import { Command } from 'commander';
import { toCsv, toTable } from '../queries/answer-text.ts';
import { openLakeDatabase } from '../queries/lake-database.ts';
import { findQuery, shippedQueries } from '../queries/query-files.ts';

interface Options {
  readonly param?: readonly string[];
  readonly lake: string;
  readonly csv?: true;
}

async function describeQueries(): Promise<string> {
  const queries = await shippedQueries();
  const width = Math.max(...queries.map(({ name }) => name.length));
  const lines = queries.map(({ name, header }) => `  ${name.padEnd(width)}  ${header.question}`);
  return `\nQueries:\n${lines.join('\n')}\n`;
}

async function run(fileOrName: string, { param, lake, csv }: Options): Promise<void> {
  const query = await findQuery(fileOrName);
  const database = await openLakeDatabase(lake);
  try {
    const answer = await database.answer(query, param);
    process.stdout.write(csv ? toCsv(answer) : `${toTable(answer)}\n`);
  } finally {
    database.close();
  }
}

const command = new Command('npm run query --')
  .description('Answers a query of queries/, or of a file, over a local lake with DuckDB.')
  .argument('<query>', 'a name of the list below, or a file with one SELECT statement')
  .option(
    '--param <value>',
    "value of the statement's next ? (repeatable); the others take the defaults of the query's header",
    (value: string, values: readonly string[] = []) => [...values, value],
  )
  .option('--lake <folder>', 'folder of the lake', '.local/lake')
  .option('--csv', 'CSV (RFC 4180) instead of a table')
  .allowExcessArguments(false)
  .showHelpAfterError()
  .action(run);

// A reader such as head may close the pipe before the end; that is no failure of the query.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  command.addHelpText('after', await describeQueries());
  await command.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
