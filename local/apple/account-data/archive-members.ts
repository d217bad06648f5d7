import {
  downloads,
  installs,
  purchases,
  pushNotifications,
  reviews,
  type Snapshot,
} from './archive-tables.ts';
import type { Region } from './scenario.ts';
import type { DataKind } from './scopes.ts';
import { csvText, jsonArrayText, jsonLinesText, recordsOf, type Table, tsvText } from './tables.ts';

/** A member before it is put into an archive. */
export interface Member {
  readonly path: string;
  readonly bytes: Buffer;
  /** Where it is a table: its cells by column names. */
  readonly rows?: readonly Readonly<Record<string, string>>[];
}

/** What the members are made for. */
export interface MemberSubject extends Snapshot {
  readonly region: Region;
  readonly kinds: ReadonlySet<DataKind>;
  /** A zip archive that stands in another. */
  readonly innerArchive: Buffer;
}

/*
 * Apple publishes neither names nor formats of the members: everything here is invented, and varied on purpose, so
 * that a reader that only knows one form is found out.
 */

function table(path: string, text: string, of: Table): Member {
  return { path, bytes: Buffer.from(text), rows: recordsOf(of) };
}

function file(path: string, content: string | Buffer): Member {
  return { path, bytes: Buffer.from(content as string) };
}

const PDF = Buffer.concat([
  Buffer.from('%PDF-1.4\n'),
  Buffer.from([0x25, 0xe2, 0xe3, 0xcf, 0xd3, 0x0a]),
  Buffer.from(
    '1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n' +
      'trailer\n<< /Root 1 0 R /Size 3 >>\n%%EOF\n',
  ),
]);

function storeMembers(subject: MemberSubject): Member[] {
  const root = 'App Store Information';
  const bought = purchases(subject);
  const loaded = downloads(subject);
  const written = reviews(subject);
  const account = {
    region: subject.region,
    accountNumber: 100_000 + subject.person,
    addresses: [{ kind: 'billing', lines: ['1 Example Street', 'Example Town'] }],
    marketing: { email: false, push: null },
  };
  return [
    table(
      `${root}/Purchases/Purchase History 2026.csv`,
      csvText(bought, { mark: true, lineEnd: '\r\n' }),
      bought,
    ),
    table(`${root}/Downloads/Downloads.tsv`, tsvText(loaded), loaded),
    table(`${root}/Reviews/reviews.json`, jsonArrayText(written), written),
    file(`${root}/Account/account.json`, `${JSON.stringify(account, undefined, 2)}\n`),
    file(`${root}/Receipts/receipt-0001.pdf`, PDF),
    file(`${root}/Older Years.zip`, subject.innerArchive),
    ...(subject.region === 'JP' ? [file(`${root}/ストア/メモ.txt`, '購入の記録\n')] : []),
  ];
}

function installMembers(subject: MemberSubject): Member[] {
  const root = 'App Install Activity';
  const installed = installs(subject);
  const pushed = pushNotifications(subject);
  const clips: Table = { columns: ['Day', 'App Clip', 'Launches'], rows: [] };
  return [
    table(`${root}/installs.jsonl`, jsonLinesText(installed), installed),
    table(
      `${root}/Push Notifications/push-notification-activity.csv`,
      csvText(pushed, { mark: false, lineEnd: '\n' }),
      pushed,
    ),
    table(`${root}/App Clips.csv`, csvText(clips, { mark: false, lineEnd: '\n' }), clips),
    file(`${root}/empty.txt`, ''),
    file(`${root}/About this data.html`, '<!doctype html><title>About this data</title><p>Invented.</p>\n'),
  ];
}

/** Everything that is held about a person for the kinds of data that were consented to. */
export function membersOf(subject: MemberSubject): Member[] {
  return [
    ...(subject.kinds.has('appstore-info') ? storeMembers(subject) : []),
    ...(subject.kinds.has('app-install-activity') ? installMembers(subject) : []),
  ];
}
