import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ROW_PREFIX_BYTES, SEGMENT_MARK, SpillFile } from '../../lambdas/lib/curation/spill-file.ts';
import { curate, openDescriptors, thing, things, workDirectory } from './curation-harness.ts';

const disk = vi.hoisted(() => ({ isFull: false }));
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const writeSync = (...parameters: Parameters<typeof fs.writeSync>) => {
    if (disk.isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    return fs.writeSync(...parameters);
  };
  return { ...fs, writeSync };
});
afterEach(() => {
  disk.isFull = false;
});

/** Segment, line and text of each row in the blocks of a sequence. */
function rowsOf(blocks: Iterable<Buffer>): (readonly [segment: number, line: number, text: string])[] {
  const rows: (readonly [number, number, string])[] = [];
  let segment = -1;
  for (const block of blocks) {
    for (let at = 0; at < block.length; ) {
      const line = block.readUInt32LE(at);
      at += ROW_PREFIX_BYTES;
      if (line === SEGMENT_MARK) {
        segment = block.readUInt32LE(at);
        at += ROW_PREFIX_BYTES;
        continue;
      }
      const end = block.indexOf(10, at);
      rows.push([segment, line, block.toString('utf8', at, end)]);
      at = end + 1;
    }
  }
  return rows;
}

describe('rows that are kept on the disk', () => {
  it('come back as they were added, in many sequences, long ones among them, from one open file', async () => {
    const before = await openDescriptors();
    const file = new SpillFile(join(await workDirectory(), 'rows'));
    const sequences = Array.from({ length: 150 }, () => ({
      rows: file.rows(),
      added: [] as (readonly [number, number, string])[],
    }));
    for (let line = 1; line <= 300; line++) {
      for (const [number, { rows, added }] of sequences.entries()) {
        const isLong = line % 150 === 0 && number % 50 === 0;
        const text = `${number} ${line} ${'é'.repeat(isLong ? 50_000 : 40)}`;
        const bytes = Buffer.from(`\t${text}\n`);
        const segment = line % 200 < 100 ? 0 : 7;
        rows.add(segment, line, bytes, 1, bytes.length - 1);
        added.push([segment, line, text]);
      }
    }
    expect(await openDescriptors()).toBe(before + 1);
    for (const { rows, added } of sequences) {
      expect(rowsOf(rows.blocks())).toEqual(added);
      rows.release();
      expect([...rows.blocks()]).toEqual([]);
    }
    file.close();
    expect(await openDescriptors()).toBe(before);
  });

  it('leave the memory once many sequences are long', async () => {
    const path = join(await workDirectory(), 'rows');
    const file = new SpillFile(path);
    const bytes = Buffer.alloc(1_000, 'x');
    const sequences = Array.from({ length: 900 }, () => file.rows());
    for (let line = 1; line <= 50; line++)
      for (const rows of sequences) rows.add(0, line, bytes, 0, bytes.length);
    // 45 MB were added, compressible a thousandfold; less than 33 MB of them may wait in memory.
    expect(statSync(path).size).toBeGreaterThan(0);
    expect(rowsOf(sequences.at(-1)?.blocks() ?? [])).toHaveLength(50);
    file.close();
  });

  it('leave the memory at once when a row is long', async () => {
    const path = join(await workDirectory(), 'rows');
    const file = new SpillFile(path);
    const rows = file.rows();
    rows.add(3, 1, Buffer.alloc(100_000, 'x'), 0, 100_000);
    expect(statSync(path).size).toBeGreaterThan(0);
    rows.add(3, 2, Buffer.from('short'), 0, 5);
    expect(rowsOf(rows.blocks()).map(([segment, line, text]) => [segment, line, text.length])).toEqual([
      [3, 1, 100_000],
      [3, 2, 5],
    ]);
    file.close();
  });

  it('stay in memory when they are few', async () => {
    const path = join(await workDirectory(), 'rows');
    const file = new SpillFile(path);
    const rows = file.rows();
    rows.add(0, 1, Buffer.from('row'), 0, 3);
    expect(statSync(path).size).toBe(0);
    file.close();
  });
});

describe('a full disk', () => {
  it('ends the curation with an error that says what to do', async () => {
    const before = await openDescriptors();
    disk.isFull = true;
    await expect(curate([things(thing())])).rejects.toMatchObject({
      name: 'DeliveryTooLargeError',
      message: expect.stringMatching(
        /^instance i-1 of things_sold_daily, app 42: the disk is full\. Give the function more/,
      ),
      details: { instanceId: 'i-1', appId: '42' },
    });
    expect(await openDescriptors()).toBe(before);
  });
});
