import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { fromBuffer, type ZipFile } from 'yauzl';
import { type AccountDataFixture, createFixture, DAY_SECONDS } from './simulated-account-data-fixture.ts';

function open(bytes: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) =>
    fromBuffer(bytes, { lazyEntries: true }, (error, zip) => (error ? reject(error) : resolve(zip))),
  );
}

/** Members of an archive by their names, as a reader of another author sees them. */
async function unzipped(bytes: Buffer): Promise<Map<string, Buffer>> {
  const zip = await open(bytes);
  const members = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry())
    members.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  return members;
}

async function firstUrl(fixture: AccountDataFixture): Promise<{ url: string; requestId: string }> {
  const { path, requestId } = await fixture.completed();
  const [url = ''] = await fixture.urls(path);
  return { url, requestId };
}

function names(urls: readonly string[]): string[] {
  return urls.map((url) => new URL(url).pathname.split('/').at(-1) ?? '');
}

describe('simulated archives', () => {
  test('hold exactly the members of the request, in as many archives as the scenario says', async () => {
    const fixture = await createFixture({ people: [{ archives: 3 }] });
    const { requestId } = await fixture.completed();
    const archives = await fixture.apple.archivesOf(requestId);
    const members = fixture.apple.membersOf(requestId);
    expect(archives).toHaveLength(3);
    for (const [index, { bytes, sha256 }] of archives.entries()) {
      const expected = members.filter(({ archive }) => archive === index + 1);
      expect(await unzipped(bytes)).toEqual(new Map(expected.map((each) => [each.path, each.bytes])));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    }
  });

  test('are varied: tables of every form, nothing, a document, an archive, Japanese names', async () => {
    const fixture = await createFixture({ people: [{ archives: 1, region: 'JP' }] });
    const members = fixture.apple.membersOf((await fixture.completed()).requestId);
    const extensions = new Set(members.map(({ path }) => path.split('.').at(-1)));
    expect([...extensions].sort()).toEqual(['csv', 'html', 'json', 'jsonl', 'pdf', 'tsv', 'txt', 'zip']);
    const [purchases, ...others] = members.map(({ bytes }) => bytes.toString('utf8'));
    expect(purchases).toMatch(/^\ufeffPurchase Date,.*\r\n/);
    expect(purchases).toContain('"first line\nsecond line"');
    expect(purchases).toContain('9007199254740993');
    expect(others).toContain('');
    expect(members.some(({ path }) => path.includes('ストア'))).toBe(true);
    const inner = members.find(({ path }) => path.endsWith('.zip'));
    expect([...(await unzipped(inner?.bytes ?? Buffer.alloc(0))).keys()]).toEqual(['older/years.csv']);
    for (const { rows, bytes } of members)
      for (const row of rows ?? []) expect(bytes.length).toBeGreaterThan(Object.keys(row).length);
  });

  test('are the same bytes whenever they are made, and grow from instance to instance', async () => {
    const people = [{ mode: 'DAILY_30' as const, archives: 1 }];
    const worlds = [await createFixture({ people }), await createFixture({ people })] as const;
    const { requestId, parentRequestId } = await worlds[0].completed();
    await worlds[1].completed();
    const [one] = await worlds[0].apple.archivesOf(requestId);
    const [same] = await worlds[1].apple.archivesOf(requestId);
    expect(same?.sha256).toBe(one?.sha256);
    const { document } = await worlds[0].api('resubmit', { body: { parentRequestId, requestId } });
    const tables = (id: string) =>
      worlds[0].apple.membersOf(id).flatMap(({ rows }) => (rows === undefined ? [] : [rows.length]));
    const before = tables(requestId);
    const after = tables(String(document.requestId));
    expect(after.every((count, index) => count >= (before[index] ?? 0))).toBe(true);
    expect(after).not.toEqual(before);
    expect(worlds[0].apple.membersOf(String(document.requestId))[0]?.rows?.slice(0, before[0])).toEqual(
      worlds[0].apple.membersOf(requestId)[0]?.rows,
    );
  });

  test('of a request that ended with an error lack members', async () => {
    const people = [{ archives: 1, jobStatuses: ['completed_with_error', 'completed'] }];
    const fixture = await createFixture({ people });
    const partial = fixture.apple.membersOf((await fixture.completed()).requestId);
    const whole = fixture.apple.membersOf((await fixture.completed()).requestId);
    expect(partial.length).toBeLessThan(whole.length);
  });

  test('of a person without archives are an empty list', async () => {
    const fixture = await createFixture({ people: [{ archives: 0 }] });
    expect(await fixture.urls((await fixture.completed()).path)).toEqual([]);
  });

  test.each([true, false])(
    'a big one is made while it is sent, zip64; stored: %s',
    async (bigArchiveStored) => {
      const bigArchiveBytes = 3_000_000;
      const people = [{ archives: 1, bigArchiveBytes, bigArchiveStored }];
      const fixture = await createFixture({ people, variants: { assetsRanges: true } });
      const { path, requestId } = await fixture.completed();
      const [url = ''] = await fixture.urls(path);
      const { bytes, headers } = await fixture.download(url);
      expect(headers['content-length']).toBe(String(bytes.length));
      expect(bytes.length > bigArchiveBytes).toBe(bigArchiveStored);
      const members = await unzipped(bytes);
      expect(members.get('Big/big.bin')?.length).toBeGreaterThan(bigArchiveBytes);
      expect(members.size).toBe(fixture.apple.membersOf(requestId).length + 1);
      const [from, to] = [Math.floor(bytes.length / 3), Math.floor(bytes.length / 2)];
      const part = await fixture.download(url, { range: `bytes=${from}-${to - 1}` });
      expect(part.bytes.equals(bytes.subarray(from, to))).toBe(true);
      await expect(fixture.apple.archivesOf(requestId)).rejects.toThrow('too big to be held');
    },
  );

  test('one table has as many bytes as the scenario asks for', async () => {
    const fixture = await createFixture({ people: [{ memberBytes: 50_000 }] });
    const [first] = fixture.apple.membersOf((await fixture.completed()).requestId);
    expect(first?.bytes.length).toBeGreaterThan(50_000);
    expect(first?.bytes.length).toBeLessThan(60_000);
  });
});

describe('the simulated list of archives', () => {
  test('has new URLs at every fetch', async () => {
    const fixture = await createFixture();
    const { path } = await fixture.completed();
    const [first, second] = [await fixture.urls(path), await fixture.urls(path)];
    expect(first).not.toEqual(second);
    expect(names(first)).toEqual(names(second));
  });

  test.each([
    [
      'stable',
      [
        ['1.zip', '2.zip', '3.zip'],
        ['1.zip', '2.zip', '3.zip'],
      ],
    ],
    [
      'shuffled',
      [
        ['2.zip', '3.zip', '1.zip'],
        ['3.zip', '1.zip', '2.zip'],
      ],
    ],
    [
      'renamed',
      [
        ['1-1.zip', '2-1.zip', '3-1.zip'],
        ['1-2.zip', '2-2.zip', '3-2.zip'],
      ],
    ],
    ['shrinking', [['1.zip', '2.zip'], ['1.zip']]],
  ] as const)('%s from the second fetch on, and every URL leads to its archive', async (listOrder, later) => {
    const fixture = await createFixture({ people: [{ archives: 3 }], variants: { listOrder } });
    const { path, requestId } = await fixture.completed();
    const archives = await fixture.apple.archivesOf(requestId);
    expect(names(await fixture.urls(path))).toEqual(['1.zip', '2.zip', '3.zip']);
    for (const expected of later) {
      const urls = await fixture.urls(path);
      expect(names(urls)).toEqual(expected);
      const { bytes } = await fixture.download(urls[0] ?? '');
      const number = Number.parseInt(expected[0], 10);
      expect(bytes.equals(archives[number - 1]?.bytes ?? Buffer.alloc(0))).toBe(true);
    }
  });
});

describe('the simulated asset host', () => {
  test('honours a URL for 15 minutes; later it is 403 and noted', async () => {
    const fixture = await createFixture();
    const { url } = await firstUrl(fixture);
    fixture.advance(899);
    expect((await fixture.download(url)).status).toBe(200);
    fixture.advance(1);
    expect((await fixture.download(url)).status).toBe(403);
    expect(fixture.broken).toEqual(['url-used-late']);
  });

  test('refuses a URL that was changed, an unsigned one, an unknown archive, and another verb', async () => {
    const fixture = await createFixture();
    const { url } = await firstUrl(fixture);
    const statuses = [
      await fixture.download(url.replace(/1\.zip/, '2.zip')),
      await fixture.download(url.replace(/\?.*/, '')),
      await fixture.download(url, {}, 'PUT'),
    ].map(({ status }) => status);
    expect(statuses).toEqual([403, 403, 405]);
    expect(fixture.broken).toEqual([]);
  });

  test.each([
    [true, 400],
    [false, 200],
  ])('notes an Authorization header; strict %s: %i', async (strictAssets, code) => {
    const fixture = await createFixture({ variants: { strictAssets } });
    const { url } = await firstUrl(fixture);
    expect((await fixture.download(url, { authorization: 'Bearer a1' })).status).toBe(code);
    expect(fixture.broken).toEqual(['credential-on-asset-host']);
  });

  test('knows no ranges by default', async () => {
    const fixture = await createFixture();
    const { status, headers } = await fixture.download((await firstUrl(fixture)).url, { range: 'bytes=5-' });
    expect([status, headers['accept-ranges'], headers.etag]).toEqual([200, undefined, undefined]);
  });

  test('sends ranges where the world says so, only of the same ETag', async () => {
    const fixture = await createFixture({ variants: { assetsRanges: true } });
    const { url } = await firstUrl(fixture);
    const whole = await fixture.download(url);
    expect(whole.headers['accept-ranges']).toBe('bytes');
    const size = whole.bytes.length;
    const rest = await fixture.download(url, { range: 'bytes=5-', 'if-range': whole.headers.etag ?? '' });
    expect([rest.status, rest.headers['content-range']]).toEqual([206, `bytes 5-${size - 1}/${size}`]);
    expect(rest.bytes.equals(whole.bytes.subarray(5))).toBe(true);
    expect((await fixture.download(url, { range: 'bytes=5-', 'if-range': '"other"' })).status).toBe(200);
    expect((await fixture.download(url, { range: `bytes=${size}-` })).status).toBe(416);
  });

  test('URLs lead to the origin that was set', async () => {
    const fixture = await createFixture();
    fixture.apple.setOrigins({ assets: 'https://127.0.0.1:4443' });
    expect((await firstUrl(fixture)).url).toMatch(/^https:\/\/127\.0\.0\.1:4443\/transfer\//);
  });

  test('an archive counts as served only when all of it was sent', async () => {
    const fixture = await createFixture({ variants: { assetsRanges: true } });
    const { url, requestId } = await firstUrl(fixture);
    await fixture.download(url, { range: 'bytes=0-1' });
    fixture.apple.faults.add({ respond: 'truncated-archive', times: 1 });
    await fixture.download(url);
    expect(fixture.apple.servedArchives()).toEqual([]);
    await fixture.download(url);
    expect(fixture.apple.servedArchives()).toEqual([
      { externalId: fixture.grant().externalId, requestId, name: '1.zip' },
    ]);
  });

  test('an unknown request has no archives to ask for', async () => {
    const fixture = await createFixture();
    await expect(fixture.apple.archivesOf('X')).rejects.toThrow('there is no request X');
  });

  test('data of weeks past is still asked for by its URL until the consent ends', async () => {
    const fixture = await createFixture();
    const { path } = await fixture.submit();
    fixture.advance(72_000 + 3 * DAY_SECONDS - 1);
    const [url = ''] = await fixture.urls(path);
    fixture.advance(10);
    expect((await fixture.download(url)).status).toBe(200);
  });
});
