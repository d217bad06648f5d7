/** One line of a chart. */
export interface Bar {
  readonly label: string;
  /** Not negative. */
  readonly value: number;
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

function barOf(share: number, width: number): string {
  const eighths = Math.round(share * width * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}

/** A chart for a terminal: the title, then a line a bar, the longest of `width` characters. */
export function toBarChart(title: string, bars: readonly Bar[], width: number): string {
  const largest = Math.max(0, ...bars.map(({ value }) => value));
  const labelWidth = Math.max(0, ...bars.map(({ label }) => label.length));
  const valueWidth = Math.max(0, ...bars.map(({ value }) => String(value).length));
  const lines = bars.map(({ label, value }) => {
    const bar = barOf(largest === 0 ? 0 : value / largest, width);
    return [label.padEnd(labelWidth), bar.padEnd(width), String(value).padStart(valueWidth)].join(' ');
  });
  return [title, ...lines].join('\n');
}
