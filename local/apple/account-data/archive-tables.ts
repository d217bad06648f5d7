import { DAY_MILLISECONDS, dayOf } from '../calendar.ts';
import { drawStateOf, unitOf } from '../random.ts';
import type { Table } from './tables.ts';

/** Whose tables, and how far they have grown. */
export interface Snapshot {
  readonly seed: number;
  readonly person: number;
  /** When the world started and when the snapshot was taken, milliseconds. */
  readonly startedAt: number;
  readonly takenAt: number;
  /** The first table has so many bytes at least. */
  readonly memberBytes: number;
}

/** Beyond what a double holds exactly. */
const FIRST_ORDER_NUMBER = 9_007_199_254_740_993n;
const LARGEST_ROWS_PER_DAY = 3;

type Draw = (...parts: readonly (string | number)[]) => number;

function drawOf({ seed, person }: Snapshot): Draw {
  return (...parts) => unitOf(drawStateOf(seed, 'row', person, ...parts));
}

function pick(draw: number, values: readonly string[]): string {
  return values[Math.floor(draw * values.length)] ?? '';
}

/** Every odd value stands in each table, however short. */
function inTurn(index: number, values: readonly string[]): string {
  return values[index % values.length] ?? '';
}

/** Days of the rows of a table: some before the start, then some more every day, all before the snapshot. */
function rowDays(snapshot: Snapshot, table: string): string[] {
  const draw = drawOf(snapshot);
  const perDay = 1 + Math.floor(draw(table, 'per day') * LARGEST_ROWS_PER_DAY);
  const before = 6 + Math.floor(draw(table, 'before') * 6);
  const days = Math.max(0, (snapshot.takenAt - snapshot.startedAt) / DAY_MILLISECONDS);
  const count = before + Math.floor(days * perDay);
  return Array.from({ length: count }, (_, index) =>
    dayOf(snapshot.startedAt + Math.floor((index - before) / perDay) * DAY_MILLISECONDS),
  );
}

const ITEMS = [
  'Field Notes',
  'Chess "Lite"',
  'Café Finder, Pro',
  'Orbit; the Game',
  '夜空',
  'Harbour\tTides',
];
const NOTES = ['', '=HYPERLINK("https://example.com")', '+1', '@SUM(A1:A2)', 'first line\nsecond line', '-'];
const APPS = ['com.example.notes', 'com.example.chess', 'com.example.orbit'];
const DEVICES = ['iPhone', 'iPad', 'Mac', 'Apple TV'];

/** Purchases; grows to the asked size by repeating them with other numbers. */
export function purchases(snapshot: Snapshot): Table {
  const draw = drawOf(snapshot);
  const row = (day: string, index: number) => [
    day,
    inTurn(index, ITEMS),
    String(FIRST_ORDER_NUMBER + BigInt(snapshot.person) * 1_000_000n + BigInt(index)),
    (draw('amount', index) * 50).toFixed(2),
    pick(draw('currency', index), ['EUR', 'GBP', 'JPY']),
    inTurn(index, NOTES),
  ];
  const days = rowDays(snapshot, 'purchases');
  const rows = days.map(row);
  let bytes = rows.reduce((sum, cells) => sum + cells.join(',').length, 0);
  while (bytes < snapshot.memberBytes) {
    const cells = row(days[rows.length % days.length] ?? '', rows.length);
    rows.push(cells);
    bytes += cells.join(',').length;
  }
  return {
    columns: ['Purchase Date', 'Item Name', 'Order Number', 'Amount', 'Currency', 'Note'],
    rows,
  };
}

/** Downloads: no cell holds a tab or a line end. */
export function downloads(snapshot: Snapshot): Table {
  const draw = drawOf(snapshot);
  return {
    columns: ['Download Date', 'Bundle', 'Device', 'Storefront'],
    rows: rowDays(snapshot, 'downloads').map((day, index) => [
      day,
      pick(draw('bundle', index), APPS),
      pick(draw('device', index), DEVICES),
      pick(draw('storefront', index), ['DEU', 'FRA', 'GBR', 'JPN']),
    ]),
  };
}

/** Reviews, whose ids are numbers that a double cannot hold. */
export function reviews(snapshot: Snapshot): Table {
  const draw = drawOf(snapshot);
  return {
    columns: ['reviewId', 'writtenOn', 'stars', 'title'],
    rows: rowDays(snapshot, 'reviews').map((day, index) => [
      String(FIRST_ORDER_NUMBER * 2n + BigInt(index)),
      day,
      String(1 + Math.floor(draw('stars', index) * 5)),
      pick(draw('title', index), ITEMS),
    ]),
  };
}

/** Installs and deletions. */
export function installs(snapshot: Snapshot): Table {
  const draw = drawOf(snapshot);
  return {
    columns: ['event', 'bundle', 'day', 'device', 'bytes'],
    rows: rowDays(snapshot, 'installs').map((day, index) => [
      pick(draw('event', index), ['install', 'update', 'delete']),
      pick(draw('bundle', index), APPS),
      day,
      pick(draw('device', index), DEVICES),
      String(Math.floor(draw('bytes', index) * 500_000_000)),
    ]),
  };
}

/** Push notifications that reached a device. */
export function pushNotifications(snapshot: Snapshot): Table {
  const draw = drawOf(snapshot);
  return {
    columns: ['Day', 'Bundle', 'Delivered', 'Opened'],
    rows: rowDays(snapshot, 'push').map((day, index) => [
      day,
      pick(draw('bundle', index), APPS),
      String(Math.floor(draw('delivered', index) * 40)),
      String(Math.floor(draw('opened', index) * 10)),
    ]),
  };
}
