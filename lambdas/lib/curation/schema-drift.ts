import { HistoryRangeError, SchemaDriftError } from '../errors.ts';

/** Where in a delivery something was found; lines count from 1, blank ones among them. */
export interface FilePosition {
  /** Key of the segment. */
  readonly file: string;
  readonly line: number;
  /** Apple's name of the column, where it is known. */
  readonly column?: string | undefined;
}

const MOST_CHARACTERS_SHOWN = 60;

function at({ file, line, column }: FilePosition): string {
  return `${file}, line ${line}${column === undefined ? '' : `, column ${column}`}`;
}

/** A value as an error message shows it: quoted, escaped and cut. */
export function shown(value: string): string {
  const cut = value.length > MOST_CHARACTERS_SHOWN;
  return `${JSON.stringify(value.slice(0, MOST_CHARACTERS_SHOWN))}${cut ? ' …' : ''}`;
}

/** The error for a file that is not of its report's shape; `what` completes the sentence after the position. */
export function schemaDrift(position: FilePosition, what: string): SchemaDriftError {
  return new SchemaDriftError(
    `${at(position)}: ${what}. Nothing of this delivery was curated and its files stay as they landed: compare the file with catalog/reports.json, correct the catalog where Apple's format has changed, and rebuild the curated tables.`,
    { details: { ...position } },
  );
}

/** The partitions that a delivery's Dates may have: every `step` days from `first` to `last`, its processingDate. */
export interface PartitionRange {
  readonly table: string;
  readonly first: string;
  readonly last: string;
  readonly step: number;
}

function whyOutOfHistory(
  date: string,
  { table, first, last, step }: PartitionRange,
): readonly [string, string] {
  if (date < first) {
    return [
      `before ${first}, the first Date of ${table}`,
      "move the report's historyStart in catalog/reports.json",
    ];
  }
  if (date > last) {
    return [`after ${last}, the processingDate`, 'compare the file with the clock of the account'];
  }
  return [
    `not among the Dates of ${table}, which are ${step} days apart from ${first} on`,
    "compare the file with Apple's calendar",
  ];
}

/** The error for a Date that the table's partitions cannot hold. */
export function outOfHistory(position: FilePosition, date: string, range: PartitionRange): HistoryRangeError {
  const [why, remedy] = whyOutOfHistory(date, range);
  return new HistoryRangeError(
    `${at(position)}: ${date} is ${why}, and queries would never show it. Nothing of this delivery was curated and its files stay as they landed: ${remedy}, deploy, and rebuild the curated tables.`,
    { details: { ...position, date, ...range } },
  );
}
