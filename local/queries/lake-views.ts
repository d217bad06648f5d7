import type { ReportTable, TableColumn } from '../../lambdas/lib/analytics/report-tables.ts';
import { ADDED_COLUMNS, DATE_COLUMN } from '../../lambdas/lib/analytics/report-tables.ts';

/** The views through which DuckDB sees a lake directory as Athena sees the bucket. */

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A path in which DuckDB takes no character for a wildcard. */
export function withoutWildcards(path: string): string {
  return path.replace(/[[*?]/g, '[$&]');
}

function emptyRows(columns: readonly TableColumn[]): string {
  const nulls = columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${identifier(name)}`);
  return `SELECT ${nulls.join(', ')} WHERE false`;
}

/** Has the columns in their order and types, whatever a source lacks or has besides. */
function viewOf(name: string, columns: readonly TableColumn[], source: string | undefined): string {
  const rows = source === undefined ? '' : ` UNION ALL BY NAME SELECT * FROM ${source}`;
  const selected = columns.map(
    ({ name: column, type }) => `CAST(${identifier(column)} AS ${type}) AS ${identifier(column)}`,
  );
  return `CREATE VIEW ${identifier(name)} AS SELECT ${selected.join(', ')} FROM (${emptyRows(columns)}${rows})`;
}

/** The columns of a curated table as `SELECT *` gives them in Athena: the partition comes last. */
export function tableColumns(table: ReportTable): readonly TableColumn[] {
  return [...table.columns, ...ADDED_COLUMNS, DATE_COLUMN];
}

/** A curated table; `folder` is its folder, undefined while it has no files. */
export function curatedView(table: ReportTable, folder: string | undefined): string {
  const source =
    folder === undefined
      ? undefined
      : `read_parquet(${literal(`${withoutWildcards(folder)}/date=*/*.parquet`)}, ` +
        "hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true)";
  return viewOf(table.name, tableColumns(table), source);
}

/** A table of JSON Lines; `folder` as above. */
export function jsonLinesView(
  name: string,
  columns: readonly TableColumn[],
  folder: string | undefined,
): string {
  const types = columns.map(({ name: column, type }) => `${literal(column)}: ${literal(type)}`);
  const source =
    folder === undefined
      ? undefined
      : `read_json(${literal(`${withoutWildcards(folder)}/**/*.json`)}, format = 'newline_delimited', ` +
        `columns = {${types.join(', ')}}, hive_partitioning = false)`;
  return viewOf(name, columns, source);
}
