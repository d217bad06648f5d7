import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT_DATA_TABLES } from '../../infra/tables.ts';
import { openLakeDatabase } from '../../local/queries/lake-database.ts';
import { type UnpackedInstance, writeUnpackedInstance } from '../support/account-data-lake.ts';
import { QueryLake } from '../support/query-lake.ts';

const ANNA = '11111111-1111-4111-8111-111111111111';
const BEN = '22222222-2222-4222-8222-222222222222';

let lake: QueryLake;

beforeEach(async () => {
  lake = await QueryLake.create('query lake [b] *-');
});
afterEach(() => lake.remove());

/** An instance of the day with one table, whose one row says which instance it is of. */
function instance(day: number, changes: Partial<UnpackedInstance> = {}): UnpackedInstance {
  const requestId = `R${day}`;
  return {
    ...{ grantId: ANNA, requestId, instanceAt: `2026-11-0${day}T08:00:00.000Z` },
    members: [
      { member: 'App Store/Downloads.csv', dataset: 'app store/downloads', rows: [{ of: requestId }] },
    ],
    ...changes,
  };
}

async function write(...instances: readonly UnpackedInstance[]): Promise<void> {
  for (const each of instances) await writeUnpackedInstance(lake.directory, each);
}

async function rowsShown(...values: string[]) {
  const rows = await lake.answer('account-data-current-rows', ...values);
  return rows.map(({ grant_id, request_id, partial }) => [grant_id, request_id, partial]);
}

async function standings(...values: string[]) {
  const rows = await lake.answer('account-data-arrivals', ...values);
  return rows.map(({ request_id, standing, instances }) => [request_id, standing, instances]);
}

async function selected(sql: string) {
  const database = await openLakeDatabase(lake.directory);
  try {
    return await database.answer({ name: 'test', sql, header: undefined });
  } finally {
    database.close();
  }
}

describe('the tables of account data', () => {
  it('are empty with their columns and types where the lake has none', async () => {
    for (const { name, columns } of ACCOUNT_DATA_TABLES) {
      const answer = await selected(`SELECT * FROM ${name}`);
      expect(answer.columns).toEqual(columns.map(({ name: column, type }) => ({ name: column, type })));
      expect(answer.rows).toEqual([]);
    }
  });

  it('have the same columns and types where there are files, without the parts of their keys', async () => {
    await write(instance(1));
    for (const { name, columns } of ACCOUNT_DATA_TABLES) {
      const answer = await selected(`SELECT * FROM "AwsDataCatalog".apple_account_data.${name}`);
      expect(answer.columns).toEqual(columns.map(({ name: column, type }) => ({ name: column, type })));
      expect(answer.rows).toHaveLength(1);
    }
  });

  it('are in a database of their own', async () => {
    await expect(selected('SELECT 1 FROM apple_analytics.account_data_files')).rejects.toThrow(
      /Catalog Error/,
    );
  });

  it('let a query read nothing else of the personal bucket', async () => {
    await write(instance(1));
    const grants = join(lake.directory, 'personal', 'grants');
    await mkdir(grants);
    await writeFile(join(grants, 'secret.json'), '{}');
    await expect(selected(`SELECT * FROM read_text('${grants}/*.json')`)).rejects.toThrow(/Permission Error/);
  });
});

describe('account-data-current-rows', () => {
  it('has the rows of the newest complete instance of each grant', async () => {
    await write(instance(1), instance(3), instance(2), instance(1, { grantId: BEN, requestId: 'B1' }));
    expect(await rowsShown()).toEqual([
      [ANNA, 'R3', false],
      [BEN, 'B1', false],
    ]);
  });

  it('shows newer partial instances beside it, and no older ones', async () => {
    await write(instance(1, { partial: true }), instance(2), instance(3, { partial: true }));
    expect(await rowsShown()).toEqual([
      [ANNA, 'R2', false],
      [ANNA, 'R3', true],
    ]);
  });

  it('does not take an instance for current that Apple completed and that was not unpacked whole', async () => {
    await write(instance(1), instance(2, { complete: false }));
    expect(await rowsShown()).toEqual([
      [ANNA, 'R1', false],
      [ANNA, 'R2', true],
    ]);
  });

  it('shows what there is of a grant without any complete instance', async () => {
    await write(instance(1, { partial: true }), instance(2, { partial: true }));
    expect(await rowsShown()).toEqual([
      [ANNA, 'R1', true],
      [ANNA, 'R2', true],
    ]);
  });

  it('takes the higher request id of two instances of one moment, as the deletion of superseded ones does', async () => {
    const { instanceAt } = instance(1);
    await write(instance(1), instance(1, { requestId: 'R1b', instanceAt }));
    expect(await rowsShown()).toEqual([[ANNA, 'R1b', false]]);
  });

  it('has no rows of an instance of which the members are deleted', async () => {
    await write(instance(1), instance(2));
    await writeFile(join(lake.directory, 'personal', 'members', `grant=${ANNA}`, 'request=R1.jsonl'), '');
    expect(await rowsShown()).toEqual([[ANNA, 'R2', false]]);
  });

  it('takes one grant and one dataset', async () => {
    const other = { member: 'Push/Log.json', dataset: 'push/log', rows: [{ a: '1' }, { a: null }] };
    const one = instance(1);
    await write({ ...one, members: [...one.members, other] }, instance(1, { grantId: BEN }));
    expect(await rowsShown(ANNA)).toHaveLength(3);
    const rows = await lake.answer('account-data-current-rows', '%', 'push/log');
    expect(rows.map(({ member, row_number, fields }) => [member, row_number, fields])).toEqual([
      ['Push/Log.json', 1, '{"a":"1"}'],
      ['Push/Log.json', 2, '{"a":null}'],
    ]);
  });
});

describe('account-data-arrivals', () => {
  it('tells which instance of a grant is current, which newer and which superseded', async () => {
    await write(instance(1), instance(2), instance(3, { partial: true }));
    await write(instance(1, { grantId: BEN, partial: true }));
    expect(await standings()).toEqual([
      ['R3', 'newer', 3],
      ['R2', 'current', 3],
      ['R1', 'superseded', 3],
      ['R1', 'newer', 1],
    ]);
    expect(await standings(BEN)).toEqual([['R1', 'newer', 1]]);
  });

  it('counts archives, members and rows of an instance, and what was refused of them', async () => {
    const rows = [{ a: '1' }, { a: '2' }];
    const members = [
      { member: 'a/1.csv', dataset: 'a', rows },
      { member: 'a/2.csv', dataset: 'a', rows },
      { member: 'b.json', outcome: 'unreadable' },
      { member: 'c.pdf', archive: 2 },
      { member: 'd.pdf', archive: 2, outcome: 'wrong-checksum' },
      { member: null, archive: 3, outcome: 'not-a-zip' },
    ];
    await write(instance(1, { complete: false, members }));
    expect(await lake.answer('account-data-arrivals')).toEqual([
      {
        ...{ grant_id: ANNA, instances: 1, request_id: 'R1', instance_at: '2026-11-01 08:00:00' },
        ...{ standing: 'newer', partial: false, complete: false, archives: 3, archives_refused: 1 },
        ...{ members: 5, members_refused: 1, tables: 2, tables_unreadable: 1, files: 2, datasets: 1 },
        ...{ rows: 4, bytes: 500 },
      },
    ]);
  });
});
