import type { TableColumn } from '../analytics/report-tables.ts';

/** The columns of the `deliveries` table, in the order in which a line has them: one line per instance and Date. */
export const DELIVERY_COLUMNS: readonly TableColumn[] = [
  { name: 'app_id', type: 'VARCHAR', comment: 'Apple id of the app.' },
  { name: 'report', type: 'VARCHAR', comment: "The report's name in keys, e.g. app-downloads-standard." },
  { name: 'granularity', type: 'VARCHAR', comment: 'daily, weekly or monthly.' },
  { name: 'access', type: 'VARCHAR', comment: 'ongoing or snapshot: which kind of request delivered it.' },
  { name: 'processing_date', type: 'DATE', comment: 'Day on which Apple made the delivery.' },
  { name: 'instance_id', type: 'VARCHAR', comment: "Apple's id of the instance." },
  { name: 'date', type: 'DATE', comment: 'A Date that the delivery has rows of; null when it has no rows.' },
  { name: 'is_final', type: 'BOOLEAN', comment: 'True if the Date was complete when Apple delivered it.' },
  { name: 'rows', type: 'BIGINT', comment: 'Rows of that Date in the delivery.' },
  {
    name: 'sums',
    type: 'MAP(VARCHAR, DOUBLE)',
    comment: "Each measure that may be added up, by its column's name, added up over those rows.",
  },
  {
    name: 'curation_version',
    type: 'BIGINT',
    comment: 'Release of the curation that wrote the line; of equal deliveries the newest owns the Date.',
  },
];
