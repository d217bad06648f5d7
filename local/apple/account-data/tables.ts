/** A table of an archive before it is written in a format; cells are text. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** RFC 4180, with a byte order mark and CRLF where asked for. */
export function csvText(table: Table, options: { readonly mark: boolean; readonly lineEnd: string }): string {
  const lines = [table.columns, ...table.rows].map((row) => row.map(quoted).join(',') + options.lineEnd);
  return (options.mark ? '\ufeff' : '') + lines.join('');
}

/** Tab-separated, nothing quoted. */
export function tsvText(table: Table): string {
  return [table.columns, ...table.rows].map((row) => `${row.join('\t')}\n`).join('');
}

/** A cell that is a number stands in JSON as that number, digit for digit. */
function jsonCell(cell: string): string {
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(cell) ? cell : JSON.stringify(cell);
}

function jsonObject(columns: readonly string[], row: readonly string[]): string {
  const fields = columns.map((name, index) => `${JSON.stringify(name)}: ${jsonCell(row[index] ?? '')}`);
  return `{${fields.join(', ')}}`;
}

/** An array of objects. */
export function jsonArrayText({ columns, rows }: Table): string {
  return `[\n${rows.map((row) => `  ${jsonObject(columns, row)}`).join(',\n')}\n]\n`;
}

/** An object a line; the last line has no end. */
export function jsonLinesText({ columns, rows }: Table): string {
  return rows.map((row) => jsonObject(columns, row)).join('\n');
}

/** The rows by column names. */
export function recordsOf({ columns, rows }: Table): Record<string, string>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? ''])));
}
