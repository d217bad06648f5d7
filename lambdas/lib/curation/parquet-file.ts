import { closeSync, openSync, writeSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeRleBitPackedHybrid } from 'hyparquet-writer/src/encoding.js';
import type { ColumnType } from '../analytics/report-catalog.ts';
import type { EncodedColumn } from './encoded-column.ts';

/*
 * The only module that knows hyparquet-writer (decision 025). Its page headers, its run encoding and its footer are
 * used; the pages are made here from codes, because its own column writer looks up each value of each row again.
 */

export interface FileColumn {
  readonly name: string;
  readonly type: ColumnType | 'TIMESTAMP' | 'BOOLEAN' | 'MAP(VARCHAR, VARCHAR)';
}

/** Where the bytes of a file go, in their order; what `write` gets is overwritten after the call. */
export interface ParquetTarget {
  write(bytes: Uint8Array): void;
  /** Called once, whether the file is whole or not. */
  close(): void;
}

/** Creates the file; fails when it exists. */
function newFile(path: string): ParquetTarget {
  const descriptor = openSync(path, 'wx');
  return {
    write(bytes) {
      for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    },
    close: () => closeSync(descriptor),
  };
}

/** A column of a row group, in the order of the file's columns. */
export type ColumnData =
  | EncodedColumn
  /** Of a BOOLEAN column: the value of every row. */
  | boolean
  /** Of a MAP column. */
  | { readonly keys: EncodedColumn; readonly values: EncodedColumn };

type RowGroup = ParquetWriter['row_groups'][number];
type Chunk = RowGroup['columns'][number];
type Encoding = NonNullable<Chunk['meta_data']>['encodings'][number];

const CREATED_BY = 'apple-data-pipeline';
const CODEC = 'ZSTD';
const KEY_VALUE = 'key_value';

const TEXT = {
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  logical_type: { type: 'STRING' },
} as const satisfies Partial<SchemaElement>;

const LEAVES: Readonly<Record<ColumnType | 'TIMESTAMP' | 'BOOLEAN', Omit<SchemaElement, 'name'>>> = {
  DATE: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  // With a logical type INTEGER the library writes a file that other engines cannot read.
  BIGINT: { type: 'INT64', converted_type: 'INT_64' },
  DOUBLE: { type: 'DOUBLE' },
  // Both annotations, as the format asks of times without a zone; they are UTC.
  TIMESTAMP: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MILLIS' },
  },
  VARCHAR: TEXT,
  BOOLEAN: { type: 'BOOLEAN' },
};

function schemaOf({ name, type }: FileColumn): SchemaElement[] {
  if (type !== 'MAP(VARCHAR, VARCHAR)') return [{ name, repetition_type: 'OPTIONAL', ...LEAVES[type] }];
  return [
    {
      name,
      repetition_type: 'OPTIONAL',
      num_children: 1,
      converted_type: 'MAP',
      logical_type: { type: 'MAP' },
    },
    { name: KEY_VALUE, repetition_type: 'REPEATED', num_children: 2 },
    { name: 'key', repetition_type: 'REQUIRED', ...TEXT },
    { name: 'value', repetition_type: 'OPTIONAL', ...TEXT },
  ];
}

/** What one leaf of the schema writes. */
interface Leaf {
  readonly path: string[];
  readonly type: NonNullable<SchemaElement['type']>;
  /** The level at which a value is present. */
  readonly definition: number;
}

function bitsOf(value: number): number {
  return 32 - Math.clz32(value);
}

/** The same value of at most eight bits so many times. */
function writeRun(writer: ByteWriter, value: number, count: number): void {
  writer.appendVarInt(count << 1);
  writer.appendUint8(value);
}

/** One bit a row; those behind the last row do not count. */
function booleanPage(value: boolean, rows: number): Uint8Array {
  return new Uint8Array(Math.ceil(rows / 8)).fill(value ? 255 : 0);
}

/**
 * Writes one Parquet file, row group by row group: zstd, a dictionary where it is smaller, whole statistics, and
 * nothing that depends on anything but the rows.
 */
export class ParquetFile {
  readonly #target: ParquetTarget;
  readonly #writer = new ByteWriter(65_536);
  readonly #scratch = new ByteWriter(65_536);
  readonly #parquet: ParquetWriter;
  readonly #columns: readonly FileColumn[];
  #isOpen = true;

  /** `target`: the path of a file that is created and must not exist, or what takes the bytes. */
  constructor(target: string | ParquetTarget, columns: readonly FileColumn[]) {
    this.#columns = columns;
    this.#target = typeof target === 'string' ? newFile(target) : target;
    this.#parquet = new ParquetWriter({
      writer: this.#writer,
      schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(schemaOf)],
      codec: CODEC,
      statisticsTruncateLength: Number.POSITIVE_INFINITY,
      createdBy: CREATED_BY,
    });
  }

  writeRowGroup(rows: number, data: readonly ColumnData[]): void {
    const start = this.#writer.offset;
    const columns = this.#columns.flatMap((column, index) => this.#writeColumn(column, data[index], rows));
    this.#parquet.row_groups.push({
      columns,
      total_byte_size: columns.reduce(
        (sum, { meta_data }) => sum + (meta_data?.total_uncompressed_size ?? 0n),
        0n,
      ),
      num_rows: BigInt(rows),
      total_compressed_size: BigInt(this.#writer.offset - start),
    });
    this.#parquet.num_rows += BigInt(rows);
    this.#flush();
  }

  /** Writes the footer and closes the file; returns its size. */
  finish(): number {
    void this.#parquet.finish();
    this.#flush();
    this.close();
    return this.#writer.offset;
  }

  /** Closes the file, whole or not; may be repeated. */
  close(): void {
    if (this.#isOpen) this.#target.close();
    this.#isOpen = false;
  }

  #flush(): void {
    this.#target.write(this.#writer.getBytes());
    this.#writer.index = 0;
  }

  #writeColumn({ name, type }: FileColumn, data: ColumnData | undefined, rows: number): Chunk[] {
    if (type === 'MAP(VARCHAR, VARCHAR)') {
      if (typeof data !== 'object' || !('keys' in data)) throw new TypeError(`column ${name} is a map`);
      const leaf = { type: TEXT.type, path: [name, KEY_VALUE] };
      return [
        this.#writeLeaf({ ...leaf, path: [...leaf.path, 'key'], definition: 2 }, data.keys, rows),
        this.#writeLeaf({ ...leaf, path: [...leaf.path, 'value'], definition: 3 }, data.values, rows),
      ];
    }
    if (type === 'BOOLEAN') {
      if (typeof data !== 'boolean') throw new TypeError(`column ${name} is boolean`);
      return [this.#writeBoolean(name, data, rows)];
    }
    if (typeof data !== 'object' || 'keys' in data) throw new TypeError(`column ${name} has plain values`);
    const physical = LEAVES[type].type;
    if (physical === undefined) throw new TypeError(`column ${name} has no physical type`);
    return [this.#writeLeaf({ path: [name], type: physical, definition: 1 }, data, rows)];
  }

  #writeBoolean(name: string, value: boolean, rows: number): Chunk {
    const start = this.#writer.offset;
    const leaf: Leaf = { path: [name], type: 'BOOLEAN', definition: 1 };
    const uncompressed = this.#writeDataPage(leaf, { nulls: 0 }, rows, 'PLAIN', booleanPage(value, rows));
    const statistics = { null_count: 0n, min_value: value, max_value: value };
    return this.#chunk(leaf, {
      start,
      data: start,
      uncompressed,
      values: rows,
      encoding: 'PLAIN',
      statistics,
    });
  }

  #writeLeaf(leaf: Leaf, column: EncodedColumn, rows: number): Chunk {
    const { dictionary, indexes, least, most, nulls } = column;
    const start = this.#writer.offset;
    const bits = Math.max(1, bitsOf(dictionary.count - 1));
    const codedSize = dictionary.bytes.length + (indexes.length * bits) / 8;
    const hasDictionary = dictionary.plainSize(indexes, codedSize) > codedSize;
    let uncompressed = 0;
    if (hasDictionary) {
      uncompressed += this.#writePage(dictionary.bytes, (sizes) => ({
        type: 'DICTIONARY_PAGE' as const,
        ...sizes,
        dictionary_page_header: { num_values: dictionary.count, encoding: 'PLAIN' as const },
      }));
    }
    const data = this.#writer.offset;
    const encoding = hasDictionary ? 'RLE_DICTIONARY' : 'PLAIN';
    const page = hasDictionary ? this.#indexPage(column, bits) : dictionary.plain(indexes);
    uncompressed += this.#writeDataPage(leaf, column, rows, encoding, page);
    return this.#chunk(leaf, {
      ...{ start, data, uncompressed, encoding },
      values: column.definitionLevels?.length ?? rows,
      statistics: {
        null_count: BigInt(nulls),
        ...(least !== undefined && most !== undefined && { min_value: least, max_value: most }),
      },
    });
  }

  #indexPage({ dictionary, indexes }: EncodedColumn, bits: number): Uint8Array {
    const scratch = this.#cleared();
    scratch.appendUint8(bits);
    if (dictionary.count === 1) writeRun(scratch, 0, indexes.length);
    else writeRleBitPackedHybrid(scratch, indexes, bits);
    return scratch.getBytes().slice();
  }

  #cleared(): ByteWriter {
    this.#scratch.index = 0;
    return this.#scratch;
  }

  #writeDataPage(
    leaf: Leaf,
    column: Pick<EncodedColumn, 'nulls' | 'definitionLevels' | 'repetitionLevels'>,
    rows: number,
    encoding: Encoding,
    page: Uint8Array,
  ): number {
    const { definitionLevels, repetitionLevels, nulls } = column;
    const levels = this.#cleared();
    if (repetitionLevels !== undefined) writeRleBitPackedHybrid(levels, repetitionLevels, 1);
    const repetitionBytes = levels.index;
    const levelBits = bitsOf(leaf.definition);
    if (definitionLevels !== undefined) writeRleBitPackedHybrid(levels, definitionLevels, levelBits);
    else writeRun(levels, leaf.definition, rows);
    const definitionBytes = levels.index - repetitionBytes;
    return this.#writePage(
      page,
      (sizes) => ({
        type: 'DATA_PAGE_V2' as const,
        uncompressed_page_size: sizes.uncompressed_page_size + levels.index,
        compressed_page_size: sizes.compressed_page_size + levels.index,
        data_page_header_v2: {
          num_values: definitionLevels?.length ?? rows,
          num_nulls: nulls,
          num_rows: rows,
          encoding,
          definition_levels_byte_length: definitionBytes,
          repetition_levels_byte_length: repetitionBytes,
          is_compressed: true,
        },
      }),
      levels.getBytes(),
    );
  }

  /** Writes a page; levels stay uncompressed in front of it. Returns its size with its header before compression. */
  #writePage(
    page: Uint8Array,
    header: (sizes: {
      readonly uncompressed_page_size: number;
      readonly compressed_page_size: number;
    }) => Parameters<typeof writePageHeader>[1],
    levels: Uint8Array = new Uint8Array(0),
  ): number {
    const compressed = zstdCompressSync(page);
    const start = this.#writer.offset;
    const sizes = { uncompressed_page_size: page.length, compressed_page_size: compressed.length };
    writePageHeader(this.#writer, header(sizes));
    const headerBytes = this.#writer.offset - start;
    this.#writer.appendBytes(levels);
    this.#writer.appendBytes(compressed);
    return headerBytes + levels.length + page.length;
  }

  #chunk(
    { path, type }: Leaf,
    written: {
      readonly start: number;
      readonly data: number;
      readonly uncompressed: number;
      readonly values: number;
      readonly encoding: Encoding;
      readonly statistics: NonNullable<NonNullable<Chunk['meta_data']>['statistics']>;
    },
  ): Chunk {
    const { start, data, uncompressed, values, encoding, statistics } = written;
    const hasDictionary = data > start;
    return {
      file_offset: BigInt(start),
      meta_data: {
        ...{ type, path_in_schema: path, codec: CODEC, statistics },
        encodings: hasDictionary ? ['PLAIN', 'RLE', encoding] : ['RLE', encoding],
        num_values: BigInt(values),
        total_uncompressed_size: BigInt(uncompressed),
        total_compressed_size: BigInt(this.#writer.offset - start),
        data_page_offset: BigInt(data),
        ...(hasDictionary && { dictionary_page_offset: BigInt(start) }),
        encoding_stats: [
          ...(hasDictionary
            ? [{ page_type: 'DICTIONARY_PAGE' as const, encoding: 'PLAIN' as const, count: 1 }]
            : []),
          { page_type: 'DATA_PAGE_V2' as const, encoding, count: 1 },
        ],
      },
    };
  }
}
