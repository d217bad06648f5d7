import Table from 'cli-table3';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `1234567` -> `1.2 MB` */
export function readableBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** `2026-06-03 12:00`, UTC; takes milliseconds since 1970 or ISO 8601. */
export function readableTime(time: number | string): string {
  return new Date(time).toISOString().replace('T', ' ').slice(0, 16);
}

/** An empty table whose first `texts` columns are texts; the others are figures, which are read from their last digit. */
export function textTable(head: string[], texts: number): Table.Table {
  const colAligns = head.map((_, index) => (index < texts ? ('left' as const) : ('right' as const)));
  return new Table({ head, colAligns, style: { head: [], border: [] } });
}
