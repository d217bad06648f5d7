import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { fileKey, recordsKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { INSTANCE, UnpackWorld } from './harness.ts';
import { makeZip } from './zip-writer.ts';

const PURCHASES = 'Date,App,Price\n2026-01-01,"One, two",0.99\n2026-01-02,=1+1,\n';

describe('unpacked members', () => {
  it('become rows of records or files, each with a line, and a manifest', async () => {
    const inner = makeZip([{ name: 'a.txt', content: 'inner' }]);
    const world = await UnpackWorld.create([
      makeZip([
        { name: 'App Store/', content: '' },
        { name: 'App Store/Purchases 2026-01.csv', content: PURCHASES },
        { name: 'readme.pdf', content: '%PDF-1.7', method: 0 },
        { name: 'empty.csv', content: '' },
        { name: 'inner.zip', content: inner },
      ]),
      makeZip([{ name: 'installs.json', content: '[{"app":"One","at":1}]' }]),
    ]);
    const { answer } = await world.run();

    expect(answer).toEqual({ phase: 'unpacked', cursor: null, outcome: 'unpacked' });
    expect(await world.manifest()).toEqual({
      ...INSTANCE,
      parentRequestId: null,
      service: 'account-data',
      mode: 'ONE_TIME',
      series: 1,
      instance: 1,
      instanceAt: '2026-11-20T01:02:03.456Z',
      partial: false,
      complete: true,
      archives: 2,
      members: 5,
      rows: 3,
      bytes: PURCHASES.length + 8 + inner.length + 22,
      outcomes: { unpacked: 5 },
    });
    const lines = await world.lines();
    expect(
      lines.map(({ archive, entry, member, dataset, kind, rows }) => [
        archive,
        entry,
        member,
        dataset,
        kind,
        rows,
      ]),
    ).toEqual([
      [1, 2, 'App Store/Purchases 2026-01.csv', 'app-store/purchases', 'records', 2],
      [1, 3, 'readme.pdf', 'readme', 'file', null],
      [1, 4, 'empty.csv', 'empty', 'file', null],
      [1, 5, 'inner.zip', 'inner', 'file', null],
      [2, 1, 'installs.json', 'installs', 'records', 1],
    ]);
    expect(lines[0]).toEqual({
      grant_id: INSTANCE.grantId,
      request_id: INSTANCE.requestId,
      instance_at: '2026-11-20 01:02:03.456',
      partial: false,
      complete: true,
      archive: 1,
      archive_name: '1.zip',
      entry: 2,
      member: 'App Store/Purchases 2026-01.csv',
      raw_name: null,
      dataset: 'app-store/purchases',
      kind: 'records',
      outcome: 'unpacked',
      reason: null,
      bytes: PURCHASES.length,
      rows: 2,
      crc32: expect.stringMatching(/^[0-9a-f]{8}$/),
      object_key: recordsKey(INSTANCE, 1, 2),
    });
    expect(await world.bytes(fileKey(INSTANCE, 1, 5))).toEqual(inner);
    expect(await world.bytes(fileKey(INSTANCE, 1, 4))).toEqual(Buffer.alloc(0));
  });

  it('are read by DuckDB with the types of the tables', async () => {
    const world = await UnpackWorld.create([makeZip([{ name: 'a/Purchases.csv', content: PURCHASES }])]);
    await world.run();
    const rows = await world.query(
      `SELECT dataset, grant_id, request_id, typeof(instance_at) AS type, instance_at::VARCHAR AS instance_at, archive, member, row_number, partial, fields['App'] AS app
       FROM read_parquet(getvariable('bucket') || '/records/**/*.parquet', hive_partitioning = false) ORDER BY row_number`,
    );
    const same = {
      ...{ dataset: 'a/purchases', grant_id: INSTANCE.grantId, request_id: INSTANCE.requestId },
      ...{
        type: 'TIMESTAMP',
        instance_at: '2026-11-20 01:02:03.456',
        archive: '1',
        member: 'a/Purchases.csv',
        partial: false,
      },
    };
    expect(rows).toEqual([
      { ...same, row_number: '1', app: 'One, two' },
      { ...same, row_number: '2', app: '=1+1' },
    ]);
    const lines = await world.query(
      `SELECT instance_at::VARCHAR AS instance_at, rows FROM read_json(getvariable('bucket') || '/members/**/*.jsonl', format = 'newline_delimited', hive_partitioning = false,
         columns = {instance_at: 'TIMESTAMP', rows: 'BIGINT'})`,
    );
    expect(lines).toEqual([{ instance_at: '2026-11-20 01:02:03.456', rows: '2' }]);
  });

  it('keep a name that is not UTF-8 by the rules of zip, and its bytes', async () => {
    const unicode = Buffer.concat([Buffer.from([0x75, 0x70, 0, 0, 1, 0, 0, 0, 0]), Buffer.from('größe.bin')]);
    unicode.writeUInt16LE(unicode.length - 4, 2);
    const plain = Buffer.from([0x67, 0x72, 0x94, 0xe1, 0x65]);
    unicode.writeUInt32LE(crc32(plain), 5);
    const world = await UnpackWorld.create([
      makeZip([
        { name: plain, content: 'a' },
        { name: Buffer.from('größe.txt'), content: 'b' },
        { name: plain, content: 'c', extra: unicode },
        { name: 'win\\dir\\a.bin', content: 'd' },
      ]),
    ]);
    await world.run();
    expect((await world.lines()).map(({ member, raw_name, outcome }) => [member, raw_name, outcome])).toEqual(
      [
        ['größe', plain.toString('hex'), 'unpacked'],
        ['größe.txt', null, 'unpacked'],
        ['größe.bin', plain.toString('hex'), 'unpacked'],
        ['win/dir/a.bin', Buffer.from('win\\dir\\a.bin').toString('hex'), 'unpacked'],
      ],
    );
  });

  it('may have a name of four thousand bytes, which stands in no key', async () => {
    const name = `${'Привет/'.repeat(300)}x.csv`;
    const world = await UnpackWorld.create([makeZip([{ name, content: 'a\n1\n' }])]);
    await world.run();
    expect((await world.lines()).map(({ member, rows }) => [member, rows])).toEqual([[name, 1]]);
    expect(Buffer.byteLength(name)).toBeGreaterThan(3_900);
    expect(Object.keys(await world.published()).every((key) => key.length < 200)).toBe(true);
  });

  it.each([false, true])(
    'of another writer, sizes behind the content, are read (zip64: %s)',
    async (forceZip64Format) => {
      const zip = new ZipFile();
      zip.addReadStream(Readable.from([Buffer.from(PURCHASES)]), 'Purchases.csv', { forceZip64Format });
      zip.addBuffer(Buffer.from('as it is'), 'größe.bin', { compress: false, forceZip64Format });
      zip.addEmptyDirectory('empty');
      zip.end({ forceZip64Format, comment: 'made by somebody else' });
      const world = await UnpackWorld.create([await buffer(zip.outputStream)]);
      await world.run();
      const lines = await world.lines();
      expect(lines.map(({ member, kind, outcome }) => [member, kind, outcome])).toEqual([
        ['Purchases.csv', 'records', 'unpacked'],
        ['größe.bin', 'file', 'unpacked'],
      ]);
      expect((await world.bytes(lines[1]?.object_key ?? '')).toString()).toBe('as it is');
    },
  );

  it('of any size come out byte for byte, stored or deflated', async () => {
    const noise = Buffer.alloc(8_500_000);
    for (let at = 0; at < noise.length; at += 32)
      createHash('sha256').update(String(at)).digest().copy(noise, at);
    const world = await UnpackWorld.create([
      makeZip([
        { name: 'stored.bin', content: noise, method: 0 },
        { name: 'deflated.bin', content: noise.subarray(0, 2_500_000) },
      ]),
    ]);
    await world.run();
    expect((await world.bytes(fileKey(INSTANCE, 1, 1))).equals(noise)).toBe(true);
    expect((await world.bytes(fileKey(INSTANCE, 1, 2))).equals(noise.subarray(0, 2_500_000))).toBe(true);
  });

  it('that are large tables are rows in several row groups, counted through', async () => {
    const line = (row: number) => `${row},"some text, ${row % 1000}",${'x'.repeat(row % 40)}\n`;
    const text = `id,text,filler\n${Array.from({ length: 70_000 }, (_, row) => line(row)).join('')}`;
    const world = await UnpackWorld.create([makeZip([{ name: 'large.csv', content: text }])]);
    await world.run();
    const [counts] = await world.query(
      `SELECT count(*)::INT AS rows, count(DISTINCT row_number)::INT AS numbers, max(row_number)::INT AS most,
         bool_and(fields['id'] = (row_number - 1)::VARCHAR) AS ordered, bool_and(length(fields['filler']) = (row_number - 1) % 40) AS filled
       FROM read_parquet(getvariable('bucket') || '/records/**/*.parquet', hive_partitioning = false)`,
    );
    expect(counts).toEqual({ rows: 70_000, numbers: 70_000, most: 70_000, ordered: true, filled: true });
    const [groups] = await world.query(
      `SELECT count(DISTINCT row_group_id)::INT AS groups FROM parquet_metadata(getvariable('bucket') || '/records/**/*.parquet')`,
    );
    expect(groups).toEqual({ groups: 4 });
  });

  it('of an instance that Apple completed with an error are partial and not complete', async () => {
    const world = await UnpackWorld.create([makeZip([{ name: 'a.csv', content: 'a\n1\n' }])], {
      partial: true,
    });
    await world.run();
    expect((await world.lines()).map(({ partial, complete }) => [partial, complete])).toEqual([
      [true, false],
    ]);
    expect(await world.manifest()).toMatchObject({ partial: true, complete: false });
  });
});
