import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unlessAbsent } from '../s3/files.ts';
import { QueryNotFoundError } from './errors.ts';
import { hasQueryHeader, parseQueryHeader, type QueryHeader } from './query-header.ts';

/** The folder of the shipped queries. */
export const QUERIES_FOLDER = fileURLToPath(new URL('../../queries', import.meta.url));

const EXTENSION = '.sql';

/** A statement to run; only shipped queries must have a header. */
export interface QueryFile {
  readonly name: string;
  readonly sql: string;
  readonly header: QueryHeader | undefined;
}

export interface ShippedQuery extends QueryFile {
  readonly header: QueryHeader;
}

/** Names of the shipped queries, in order. */
export async function queryNames(): Promise<string[]> {
  const files = await readdir(QUERIES_FOLDER);
  return files
    .filter((file) => extname(file) === EXTENSION)
    .map((file) => basename(file, EXTENSION))
    .sort();
}

/** Reads one query of `queries/`. Throws QueryHeaderError. */
export async function readShippedQuery(name: string): Promise<ShippedQuery> {
  const file = `${name}${EXTENSION}`;
  const sql = await readFile(join(QUERIES_FOLDER, file), 'utf8');
  return { name, sql, header: parseQueryHeader(sql, `queries/${file}`) };
}

/** Every query of `queries/`, by name. Throws QueryHeaderError. */
export async function shippedQueries(): Promise<ShippedQuery[]> {
  return Promise.all((await queryNames()).map(readShippedQuery));
}

/**
 * The query that a command line names: one of `queries/`, or else a file, whose header is read where it has one.
 * Throws QueryNotFoundError, which lists the names, and QueryHeaderError.
 */
export async function findQuery(fileOrName: string): Promise<QueryFile> {
  const names = await queryNames();
  if (names.includes(fileOrName)) return readShippedQuery(fileOrName);
  const sql = await unlessAbsent(readFile(resolve(fileOrName), 'utf8'));
  if (sql === undefined) {
    throw new QueryNotFoundError(
      `${fileOrName} is neither a query nor a file; the queries are: ${names.join(', ')}`,
    );
  }
  const header = hasQueryHeader(sql) ? parseQueryHeader(sql, fileOrName) : undefined;
  return { name: basename(fileOrName, EXTENSION), sql, header };
}
