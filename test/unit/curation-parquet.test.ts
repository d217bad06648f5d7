import { describe, expect, it } from 'vitest';
import { curate, lines, query, TABLE, thing, things } from './curation-harness.ts';

const LONG = 'a name of Apple that is longer than sixteen bytes, and differs only at its end: ';

describe('a curated file', () => {
  it('has whole statistics of every column, also of long texts', async () => {
    const curated = await curate([
      things(
        thing({ name: `${LONG}1`, counts: '-5', proceeds: '-0.25', downloaded: '2026-03-01' }),
        thing({ name: `${LONG}2`, counts: '1000', proceeds: '3', downloaded: '2024-02-29' }),
        thing({ name: '', counts: '', proceeds: '', downloaded: '' }),
      ),
    ]);
    const statistics = await query(
      curated,
      'SELECT path_in_schema AS name, stats_min_value AS least, stats_max_value AS most, stats_null_count::INT AS nulls FROM parquet_metadata(files)',
    );
    const of = (name: string) => statistics.find((each) => each.name === name);
    expect(of('name')).toMatchObject({ least: `${LONG}1`, most: `${LONG}2`, nulls: 1 });
    expect(of('counts')).toMatchObject({ least: '-5', most: '1000', nulls: 1 });
    expect(of('proceeds_in_usd')).toMatchObject({ least: '-0.25', most: '3.0', nulls: 1 });
    expect(of('download_date')).toMatchObject({ least: '2024-02-29', most: '2026-03-01', nulls: 1 });
    expect(of('app_id')).toMatchObject({ least: '42', most: '42', nulls: 0 });
    expect(of('processing_date')).toMatchObject({ least: '2026-11-20', most: '2026-11-20', nulls: 0 });
    expect(of('is_final')).toMatchObject({ least: 'true', most: 'true', nulls: 0 });
    expect(of('extra, key_value, key')).toMatchObject({ nulls: 3 });
    expect(statistics).toHaveLength(TABLE.columns.length + 7);
  });

  it('has the bounds of all keys and of all values in the statistics of unknown columns', async () => {
    const text = lines(['Date', 'Zone', 'Area'], ['2026-11-01', 'b', 'z'], ['2026-11-01', 'c', 'a']);
    const statistics = await query(
      await curate([text]),
      "SELECT stats_min_value AS least, stats_max_value AS most FROM parquet_metadata(files) WHERE path_in_schema LIKE 'extra%'",
    );
    expect(statistics).toEqual([
      { least: 'Area', most: 'Zone' },
      { least: 'a', most: 'z' },
    ]);
  });

  it('is found by its statistics, in the order of bytes', async () => {
    const names = ['Z', 'a', 'é', '\uFFFD', '\u{1F600}'];
    const curated = await curate([things(...names.map((name) => thing({ name })))]);
    for (const name of names) {
      expect(await query(curated, `SELECT name FROM read_parquet(files) WHERE name = '${name}'`)).toEqual([
        { name },
      ]);
    }
    const [{ least, most } = {}] = await query(
      curated,
      "SELECT stats_min_value AS least, stats_max_value AS most FROM parquet_metadata(files) WHERE path_in_schema = 'name'",
    );
    expect([least, most]).toEqual(['Z', '\u{1F600}']);
  });

  it('is zstd, with a dictionary where values repeat and plain values where they do not', async () => {
    const rows = Array.from({ length: 5_000 }, (_, row) =>
      thing({ name: `some name ${row % 3}`, counts: `${row * 1_000_003}`, id: `${row % 300}` }),
    );
    const curated = await curate([things(...rows)]);
    const columns = await query(
      curated,
      'SELECT path_in_schema AS name, compression, encodings, dictionary_page_offset IS NOT NULL AS dictionary FROM parquet_metadata(files)',
    );
    const of = (name: string) => columns.find((each) => each.name === name);
    expect(columns.every(({ compression }) => compression === 'ZSTD')).toBe(true);
    for (const name of ['name', 'thing_identifier', 'app_id']) {
      expect(of(name)).toMatchObject({
        dictionary: true,
        encodings: expect.stringContaining('RLE_DICTIONARY'),
      });
    }
    expect(of('counts')).toMatchObject({
      dictionary: false,
      encodings: expect.not.stringContaining('DICTIONARY'),
    });
    const [answer] = await query(
      curated,
      `SELECT count(*)::INT AS rows, sum(counts)::VARCHAR AS counts, count(DISTINCT name)::INT AS names,
       count(DISTINCT thing_identifier)::INT AS ids FROM read_parquet(files)`,
    );
    expect(answer).toEqual({
      rows: 5_000,
      counts: `${(4_999n * 5_000n * 1_000_003n) / 2n}`,
      names: 3,
      ids: 300,
    });
  });

  it('keeps every row together, whatever is NULL in it', async () => {
    const rows = Array.from({ length: 1_017 }, (_, row) => {
      const [name, id] = [row % 3 === 0 ? '' : `n${row}`, row % 7 === 0 ? '' : `${row}`];
      return thing({ name, id, counts: `${row}`, proceeds: row % 11 === 0 ? '' : `${row}.5` });
    });
    const curated = await curate([things(...rows)]);
    const wrong = await query(
      curated,
      `SELECT counts FROM read_parquet(files) WHERE
       name IS DISTINCT FROM (CASE WHEN counts % 3 = 0 THEN NULL ELSE 'n' || counts END)
       OR thing_identifier IS DISTINCT FROM (CASE WHEN counts % 7 = 0 THEN NULL ELSE counts END)
       OR proceeds_in_usd IS DISTINCT FROM (CASE WHEN counts % 11 = 0 THEN NULL ELSE counts + 0.5 END)`,
    );
    expect(wrong).toEqual([]);
    const [sum] = await query(curated, 'SELECT count(*)::INT AS rows FROM read_parquet(files)');
    expect(sum).toEqual({ rows: 1_017 });
  });

  it('says nothing of who wrote it when', async () => {
    const curated = await curate([things(thing())]);
    expect(
      await query(
        curated,
        'SELECT created_by, num_row_groups::INT AS groups FROM parquet_file_metadata(files)',
      ),
    ).toEqual([{ created_by: 'apple-data-pipeline', groups: 1 }]);
  });
});
