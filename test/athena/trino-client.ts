import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Answer, trinoCell } from './answers.ts';

const RETRIED_STATUSES = new Set([502, 503, 504]);
const RETRIES = 200;
const RETRY_MILLISECONDS = 100;

/** The name of the data catalog in Athena, so that qualified names of tables mean the same here. */
export const ATHENA_CATALOG = 'awsdatacatalog';
export const COLUMN_READING_CATALOG = 'column_reading';

/** Trino refused or failed a statement; `errorName` is Trino's own, e.g. `SYNTAX_ERROR`. */
export class TrinoQueryError extends Error {
  override readonly name = 'TrinoQueryError';
  readonly errorName: string;

  constructor(errorName: string, message: string) {
    super(`${errorName}: ${message}`);
    this.errorName = errorName;
  }
}

/** An answer with what it cost. */
export interface TrinoAnswer extends Answer {
  /** Bytes that the connector read from storage. */
  readonly physicalInputBytes: number;
}

/** One catalog and schema of a running Trino. */
export interface TrinoClient {
  /** Runs one statement, its `?` filled with texts; throws `TrinoQueryError`. */
  run(sql: string, parameters?: readonly string[]): Promise<TrinoAnswer>;
}

const page = z.object({
  nextUri: z.string().optional(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })).optional(),
  data: z.array(z.array(z.unknown())).optional(),
  error: z.object({ errorName: z.string(), message: z.string() }).optional(),
  stats: z.object({ physicalInputBytes: z.coerce.number() }),
});
type Page = z.infer<typeof page>;

type ReviverWithSource = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Numbers stay as they are written, because a BIGINT may not fit into a number of JavaScript. */
function parseKeepingNumbers(text: string): unknown {
  // The third parameter is in the language and not yet in TypeScript's library.
  const parse = JSON.parse as (text: string, reviver: ReviverWithSource) => unknown;
  return parse(text, (_, value, { source }) => (typeof value === 'number' ? source : value));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** As Athena runs a statement with execution parameters: unchanged, the values beside it. */
function statement(sql: string, parameters: readonly string[]): string {
  if (parameters.length === 0) return sql;
  return `EXECUTE IMMEDIATE ${quoted(sql)} USING ${parameters.map(quoted).join(', ')}`;
}

/** A client of Trino's statement protocol at `origin`, for one schema of a catalog. */
export function trinoClient(origin: string, schema: string, catalog = ATHENA_CATALOG): TrinoClient {
  const headers = {
    'X-Trino-User': 'proof',
    'X-Trino-Catalog': catalog,
    'X-Trino-Schema': schema,
    'X-Trino-Time-Zone': 'UTC',
  };
  async function call(url: string, init: RequestInit = {}): Promise<Page> {
    for (let retries = 0; ; retries += 1) {
      const response = await fetch(url, { ...init, headers });
      const text = await response.text();
      if (response.ok) return page.parse(parseKeepingNumbers(text));
      if (!RETRIED_STATUSES.has(response.status) || retries === RETRIES) {
        throw new TrinoQueryError(`HTTP ${response.status}`, text);
      }
      await sleep(RETRY_MILLISECONDS);
    }
  }
  return {
    async run(sql, parameters = []) {
      const rows: unknown[][] = [];
      let current = await call(`${origin}/v1/statement`, {
        method: 'POST',
        body: statement(sql, parameters),
      });
      let columns = current.columns;
      for (;;) {
        if (current.error !== undefined)
          throw new TrinoQueryError(current.error.errorName, current.error.message);
        columns ??= current.columns;
        rows.push(...(current.data ?? []));
        if (current.nextUri === undefined) break;
        current = await call(current.nextUri);
      }
      const types = (columns ?? []).map(({ type }) => type);
      return {
        columns: (columns ?? []).map(({ name }) => name),
        rows: rows.map((row) => row.map((value, index) => trinoCell(types[index] ?? '', value))),
        physicalInputBytes: current.stats.physicalInputBytes,
      };
    },
  };
}
