import type { TableColumn } from './report-tables.ts';

/** One line of the `freshness` table: how far one report of one app has come in one granularity. Days are `YYYY-MM-DD`. */
export interface FreshnessLine {
  readonly account: string;
  readonly app_id: string;
  readonly report: string;
  /** `daily`, `weekly` or `monthly`, as in the names of the tables. */
  readonly granularity: string;
  readonly as_of: string;
  readonly first_processing_date: string | null;
  readonly newest_processing_date: string | null;
  readonly newest_curated_processing_date: string | null;
  readonly newest_date: string | null;
  readonly newest_final_date: string | null;
  readonly missing_days: number;
  readonly oldest_missing_day: string | null;
  readonly days_until_deleted: number | null;
  readonly empty: boolean;
}

interface FreshnessColumn extends TableColumn {
  readonly name: keyof FreshnessLine;
}

/** The columns of the `freshness` table, in the order in which a line has them. */
export const FRESHNESS_COLUMNS: readonly FreshnessColumn[] = [
  { name: 'account', type: 'VARCHAR', comment: 'Name of the account in the configuration.' },
  { name: 'app_id', type: 'VARCHAR', comment: 'Apple id of the app.' },
  { name: 'report', type: 'VARCHAR', comment: "The report's name in keys, e.g. app-downloads-standard." },
  { name: 'granularity', type: 'VARCHAR', comment: 'daily, weekly or monthly.' },
  { name: 'as_of', type: 'DATE', comment: 'Day (UTC) of the run that wrote the line.' },
  {
    name: 'first_processing_date',
    type: 'DATE',
    comment: 'First processing date of the ongoing request that landed; missing days count from here on.',
  },
  {
    name: 'newest_processing_date',
    type: 'DATE',
    comment: 'Newest processing date that landed, ongoing or snapshot.',
  },
  {
    name: 'newest_curated_processing_date',
    type: 'DATE',
    comment:
      'Newest processing date that is curated: earlier than the newest landed one while curation lags.',
  },
  { name: 'newest_date', type: 'DATE', comment: 'Newest Date that a curated delivery had rows of.' },
  {
    name: 'newest_final_date',
    type: 'DATE',
    comment: 'Newest Date that was complete when Apple delivered it.',
  },
  {
    name: 'missing_days',
    type: 'BIGINT',
    comment:
      'Processing days of the last 35, before as_of, that Apple was due to deliver and that did not land. No error as such: reports on use have no instance on days with fewer than five users.',
  },
  { name: 'oldest_missing_day', type: 'DATE', comment: 'The oldest of the missing processing days.' },
  {
    name: 'days_until_deleted',
    type: 'BIGINT',
    comment: 'Days from as_of until Apple deletes what the oldest missing day may have had.',
  },
  { name: 'empty', type: 'BOOLEAN', comment: 'True as long as nothing at all has landed.' },
];
