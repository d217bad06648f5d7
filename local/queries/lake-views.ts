import type { PrefixTableDescription } from '../../infra/tables.ts';
import type { ReportTable, TableColumn } from '../../lambdas/lib/analytics/report-tables.ts';
import { columnsInFiles, DATE_COLUMN } from '../../lambdas/lib/analytics/report-tables.ts';

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

/** `view` is its quoted name. Has the columns in their order and types, whatever a source lacks or has besides. */
function viewOf(view: string, columns: readonly TableColumn[], source: string | undefined): string {
  const rows = source === undefined ? '' : ` UNION ALL BY NAME SELECT * FROM ${source}`;
  const selected = columns.map(
    ({ name: column, type }) => `CAST(${identifier(column)} AS ${type}) AS ${identifier(column)}`,
  );
  return `CREATE VIEW ${view} AS SELECT ${selected.join(', ')} FROM (${emptyRows(columns)}${rows})`;
}

/** The columns of a curated table as `SELECT *` gives them in Athena: the partition comes last. */
export function tableColumns(table: ReportTable): readonly TableColumn[] {
  return [...columnsInFiles(table), DATE_COLUMN];
}

/** A curated table; `folder` is its folder, undefined while it has no files. */
export function curatedView(table: ReportTable, folder: string | undefined): string {
  const source =
    folder === undefined
      ? undefined
      : `read_parquet(${literal(`${withoutWildcards(folder)}/date=*/*.parquet`)}, ` +
        "hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true)";
  return viewOf(identifier(table.name), tableColumns(table), source);
}

/** A table over every object of a prefix, in a schema; `folder` as above. */
export function prefixTableView(
  schema: string,
  table: PrefixTableDescription,
  folder: string | undefined,
): string {
  const source = folder === undefined ? undefined : filesSource(table, folder);
  return viewOf(`${identifier(schema)}.${identifier(table.name)}`, table.columns, source);
}

/** The parts of a path, `grant=...` among them, are no columns. */
function filesSource({ columns, extension }: PrefixTableDescription, folder: string): string {
  const files = literal(`${withoutWildcards(folder)}/**/*${extension}`);
  if (extension === '.parquet')
    return `read_parquet(${files}, hive_partitioning = false, union_by_name = true)`;
  const types = columns.map(({ name, type }) => `${literal(name)}: ${literal(type)}`);
  return (
    `read_json(${files}, format = 'newline_delimited', columns = {${types.join(', ')}}, ` +
    'hive_partitioning = false)'
  );
}
