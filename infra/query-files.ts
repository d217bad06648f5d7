import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One file of `queries/`. */
export interface QueryFile {
  /** File name without `.sql`. */
  readonly name: string;
  /** As it stands in the file, header included. */
  readonly text: string;
  /** First paragraph of the header: the question that the query answers. */
  readonly question: string;
}

function questionOf(text: string): string {
  const header = /^(?:--.*\n)+/.exec(text)?.[0] ?? '';
  const lines = header.split('\n').map((line) => line.replace(/^--\s?/, '').trim());
  const end = lines.indexOf('');
  return lines.slice(0, end).join(' ');
}

/**
 * Reads the `.sql` files of a folder, by name. Throws an Error that names the file when it does not begin with its
 * question in a comment.
 */
export function readQueryFiles(directory: string): QueryFile[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const text = readFileSync(join(directory, file), 'utf8');
      const question = questionOf(text);
      if (question === '') throw new Error(`queries/${file} does not begin with its question in a comment`);
      return { name: file.replace(/\.sql$/, ''), text, question };
    });
}

/** Names of a query's statement: lower case, comments and texts in quotes left out. */
function wordsOf(text: string): Set<string> {
  const statement = text.replace(/--.*$/gm, ' ').replace(/'(?:[^']|'')*'/g, ' ');
  return new Set(statement.toLowerCase().match(/[a-z_][a-z0-9_]*/g) ?? []);
}

/** Which of the tables a query reads. Throws an Error that names the query when it reads none. */
export function tablesOf(query: QueryFile, tables: readonly string[]): string[] {
  const words = wordsOf(query.text);
  const found = tables.filter((table) => words.has(table));
  if (found.length === 0) throw new Error(`queries/${query.name}.sql reads no table of this project`);
  return found;
}
