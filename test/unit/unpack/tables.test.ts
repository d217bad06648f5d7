import { describe, expect, it } from 'vitest';
import { UnpackWorld } from './harness.ts';
import { makeZip } from './zip-writer.ts';

async function rowsOf(name: string, content: Buffer | string): Promise<Record<string, string | null>[]> {
  const world = await UnpackWorld.create([makeZip([{ name, content }])]);
  await world.run();
  expect((await world.lines()).map(({ kind, outcome, reason }) => [kind, outcome, reason])).toEqual([
    ['records', 'unpacked', null],
  ]);
  return world.fields();
}

async function unreadable(name: string, content: Buffer | string): Promise<string | null | undefined> {
  const world = await UnpackWorld.create([makeZip([{ name, content }])]);
  const { answer } = await world.run();
  const [line] = await world.lines();
  expect(line).toMatchObject({ kind: 'file', outcome: 'unreadable', rows: null });
  expect((await world.bytes(line?.object_key ?? '')).equals(Buffer.from(content as string))).toBe(true);
  expect(answer.outcome).toBe('unpacked');
  return line?.reason;
}

async function isFile(name: string, content: Buffer | string): Promise<void> {
  const world = await UnpackWorld.create([makeZip([{ name, content }])]);
  await world.run();
  expect((await world.lines()).map(({ kind, outcome }) => [kind, outcome])).toEqual([['file', 'unpacked']]);
}

describe('delimited text', () => {
  it.each([
    ['a byte order mark', '\ufeffa,b\n1,2\n'],
    ['UTF-16, little end first', Buffer.from('\ufeffa,b\r\n1,2\r\n', 'utf16le')],
    ['UTF-16, big end first', Buffer.from('\ufeffa,b\r\n1,2\r\n', 'utf16le').swap16()],
    ['semicolons', 'a;b\n1;2\n'],
    ['tabs', 'a\tb\n1\t2\n'],
    ['bars', 'a|b\r1|2\r'],
    ['quoted names with delimiters of others in them', '"a","b"\r\n"1","2"'],
    ['blank lines', '\na,b\n\n\n1,2\n\n'],
  ])('is read with %s', async (_, content) => {
    expect(await rowsOf('t.csv', content)).toEqual([{ a: '1', b: '2' }]);
  });

  it('is read by the header line alone when a quoted delimiter stands more often', async () => {
    expect(await rowsOf('t.csv', '"x;y;z",b\n1,2\n')).toEqual([{ 'x;y;z': '1', b: '2' }]);
  });

  it('is taken as windows-1252 when it is not UTF-8, however late that shows', async () => {
    const late = Buffer.concat([Buffer.from(`a\n${'x\n'.repeat(40_000)}`), Buffer.from([0x80, 0xe4, 0x0a])]);
    expect((await rowsOf('t.csv', late)).at(-1)).toEqual({ a: '€ä' });
  });

  it('keeps ragged rows: what is missing is absent, what is beyond the header has names of its own', async () => {
    expect(await rowsOf('t.csv', 'a,b,_extra_1\n1\n1,2,3,4,5\n,,\n')).toEqual([
      { a: '1' },
      { a: '1', b: '2', _extra_1: '3', _extra_1_2: '4', _extra_2: '5' },
      { a: '', b: '', _extra_1: '' },
    ]);
  });

  it('gives each column a name of its own', async () => {
    expect(await rowsOf('t.csv', 'a,a,,a_2, ,column_3\n1,2,3,4,5,6\n')).toEqual([
      { a: '1', a_3: '2', column_3_2: '3', a_2: '4', column_5: '5', column_3: '6' },
    ]);
  });

  it('keeps formulas, numbers and dates as the characters that came', async () => {
    expect(
      await rowsOf('t.csv', 'a,b,c\n"=HYPERLINK(""http://x"")",+1,9007199254740993\n@x,-2,0010\n'),
    ).toEqual([
      { a: '=HYPERLINK("http://x")', b: '+1', c: '9007199254740993' },
      { a: '@x', b: '-2', c: '0010' },
    ]);
  });

  it('may have ten thousand columns', async () => {
    const columns = Array.from({ length: 10_000 }, (_, index) => `c${index}`);
    const row = columns.map((_, index) => String(index % 7)).join(',');
    const rows = await rowsOf('wide.csv', `${columns.join(',')}\n${`${row}\n`.repeat(30)}`);
    expect(rows).toHaveLength(30);
    expect(Object.keys(rows[29] ?? {})).toHaveLength(10_000);
    expect(rows[29]?.c9999).toBe(String(9_999 % 7));
  });

  it('may be a header alone, or one column', async () => {
    expect(await rowsOf('t.csv', 'a,b\n')).toEqual([]);
    expect(await rowsOf('t.tsv', 'name\n"x, y"\n')).toEqual([{ name: 'x, y' }]);
  });

  it('is kept as a file when it cannot be read', async () => {
    expect(await unreadable('t.csv', 'a,b\n"never closed,2\n')).toBe('broken-csv');
    expect(await unreadable('t.csv', Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 1]))).toBe('not-text');
    expect(await unreadable('t.csv', Buffer.from([0xff, 0xfe, 0x61, 0x00, 0x00, 0xd8, 0x0a, 0x00]))).toBe(
      'not-text',
    );
    expect(await unreadable('t.csv', `a\n"${'x'.repeat(4_300_000)}"\n`)).toBe('row-too-large');
    expect(await unreadable('t.csv', `${'a,'.repeat(60_000)}\n`)).toBe('too-many-columns');
  });
});

describe('JSON', () => {
  it('of an array has its elements as rows', async () => {
    expect(
      await rowsOf('t.json', '\ufeff[{"a":"1","b":null},{"a":true,"c":{"d":[1,"2",{}]}},[1.50],"x",7]'),
    ).toEqual([
      { a: '1', b: null },
      { a: 'true', c: '{"d":[1,"2",{}]}' },
      { value: '[1.50]' },
      { value: 'x' },
      { value: '7' },
    ]);
  });

  it('of an object has the elements of its lists as rows, and what is left as one more', async () => {
    const text =
      '{"person":{"id":1},"installs":[{"app":"a"},{"app":"b","_list":"x"},3],"tags":["t",1],"none":[],"deletes":[{"app":"c"}]}';
    expect(await rowsOf('t.json', text)).toEqual([
      { app: 'a', _list: 'installs' },
      { app: 'b', _list: 'x', _list_2: 'installs' },
      { value: '3', _list: 'installs' },
      { app: 'c', _list: 'deletes' },
      { person: '{"id":1}', tags: '["t",1]', none: '[]' },
    ]);
  });

  it('of an object with nothing but a list has no other row', async () => {
    expect(await rowsOf('t.json', '{"data":[{"a":1}]}')).toEqual([{ a: '1', _list: 'data' }]);
  });

  it('of one value is one row', async () => {
    expect(await rowsOf('t.json', '{"a":1}')).toEqual([{ a: '1' }]);
    expect(await rowsOf('t.json', '{}')).toEqual([{}]);
    expect(await rowsOf('t.json', ' 42 ')).toEqual([{ value: '42' }]);
    expect(await rowsOf('t.json', 'null')).toEqual([{ value: null }]);
    expect(await rowsOf('t.json', '[]')).toEqual([]);
  });

  it('keeps numbers as the characters that came', async () => {
    expect(
      await rowsOf('t.json', '[{"n":9007199254740993,"e":1E400,"z":-0.10,"deep":[12345678901234567890.0]}]'),
    ).toEqual([{ n: '9007199254740993', e: '1E400', z: '-0.10', deep: '[12345678901234567890.0]' }]);
  });

  it('gives each field a name of its own', async () => {
    expect(await rowsOf('t.json', '[{"a":1,"a":2,"":3,"\\ud800":4,"\\ud801":5}]')).toEqual([
      { a: '1', a_2: '2', column_3: '3', '\ufffd': '4', '\ufffd_2': '5' },
    ]);
  });

  it('of lines has each as a row, by extension or by what the first line is', async () => {
    const rows = [{ a: '1', list: '[{"x":1}]' }, { b: 'é' }];
    const text = '{"a":1,"list":[{"x":1}]}\r\n\r\n{"b":"\\u00e9"}\n';
    for (const name of ['t.jsonl', 't.ndjson', 't.json', 't.txt', 'noextension']) {
      expect(await rowsOf(name, text)).toEqual(rows);
    }
    expect(await rowsOf('t.jsonl', '\n')).toEqual([]);
  });

  it('is kept as a file when it cannot be read', async () => {
    expect(await unreadable('t.json', '{"a":1')).toBe('broken-json');
    expect(await unreadable('t.json', '[{"a":1}] x')).toBe('broken-json');
    expect(await unreadable('t.json', '[{"a":tru')).toBe('broken-json');
    expect(await unreadable('t.json', '"never closed')).toBe('broken-json');
    expect(await unreadable('t.json', '  \n ')).toBe('broken-json');
    expect(await unreadable('t.jsonl', '{"a":1}\n{"b":\n')).toBe('broken-json');
    expect(await unreadable('t.json', Buffer.from([0x22, 0xff, 0x22]))).toBe('not-text');
    expect(await unreadable('t.json', Buffer.from('[{"a":"\0"}]'))).toBe('not-text');
    expect(await unreadable('t.json', `[{"a":"${'x'.repeat(4_300_000)}"}]`)).toBe('row-too-large');
    expect(
      await unreadable('t.json', `{${Array.from({ length: 50_001 }, (_, index) => `"k${index}":1`).join()}}`),
    ).toBe('too-many-columns');
  });

  it.each(['[', '{"a":', '[{"a":'])('nested ten thousand times by %s is kept as a file', async (opening) => {
    expect(await unreadable('deep.json', opening.repeat(10_000))).toBe('too-deep');
    expect(await unreadable('deep.jsonl', opening.repeat(10_000))).toBe('too-deep');
  });
});

describe('what is no table', () => {
  it('is a file, whatever stands in it', async () => {
    await isFile('t.xml', '<a/>');
    await isFile('t.txt', 'Dear customer,\nno, table\n');
    await isFile('noextension', Buffer.from([0x7b, 0, 1]));
    await isFile('t.json', '');
    await isFile('archive.csv.gz', 'a,b\n1,2\n');
  });
});
