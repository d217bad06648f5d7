import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import {
  type CurateDeps,
  type CuratedHeads,
  curateInstance,
  type InstanceCuration,
} from '../../lambdas/lib/analytics/curate-instance.ts';
import { REPORT_TABLES, type ReportTable } from '../../lambdas/lib/analytics/report-tables.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import { type InstanceIdentity, rawKey } from '../../lambdas/lib/lake/keys.ts';
import { buildManifest, type LandedSegment, writeManifest } from '../../lambdas/lib/lake/ledger.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { BUCKET, startStore, type TestStore } from '../unit/local-s3-harness.ts';
import { CuratedLake } from './curated-lake.ts';

/** One row: a Date, a territory, a count. */
export type Row = readonly [date: string, territory: string, counts: number];

export interface LandedInstance extends InstanceIdentity {
  /** Rows of each segment. */
  readonly segments: readonly (readonly Row[])[];
}

export const APP_ID = '1476097583';

const SILENT = { info() {}, warn() {}, error() {} };

/** A report with a window of two days. */
export const DOWNLOADS = tableNamed('app_downloads_standard_daily');

export function tableNamed(name: string): ReportTable {
  const table = REPORT_TABLES.find((entry) => entry.name === name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

/** An instance of the downloads report. */
export function delivered(
  processingDate: string,
  segments: LandedInstance['segments'],
  overrides: Partial<InstanceIdentity> = {},
): LandedInstance {
  return {
    appId: APP_ID,
    reportSlug: DOWNLOADS.report.slug,
    granularity: 'DAILY',
    access: 'ONGOING',
    processingDate,
    instanceId: `instance-${processingDate}`,
    segments,
    ...overrides,
  };
}

/** The file of a segment as Apple writes it: every column of the report, empty where the row says nothing. */
export function segmentFile(table: ReportTable, rows: readonly Row[]): Buffer {
  const names = table.report.columns.map(({ name }) => name);
  const lines = rows.map(([date, territory, counts]) =>
    names
      .map((name) => {
        if (name === table.report.dateColumn) return date;
        if (name === 'Territory') return territory;
        return /^Counts?$/.test(name) ? String(counts) : '';
      })
      .join('\t'),
  );
  return gzipSync([names.join('\t'), ...lines, ''].join('\n'));
}

/** A lake whose instances are landed by hand, for tests of what curation makes of them. */
export class LandedLake {
  readonly server: TestStore;
  readonly store: ObjectStore;

  private constructor(server: TestStore) {
    this.server = server;
    this.store = objectStore(server.client, BUCKET);
  }

  static async start(): Promise<LandedLake> {
    return new LandedLake(await startStore());
  }

  /** Writes raw objects and manifest as landing leaves them; `files` instead of the files of the rows. */
  async land(instance: LandedInstance, table = DOWNLOADS, files?: readonly Buffer[]): Promise<void> {
    const { segments, ...identity } = instance;
    const entries: LandedSegment[] = [];
    const bodies = files ?? segments.map((rows) => segmentFile(table, rows));
    for (const [index, body] of bodies.entries()) {
      const segmentId = `segment-${index}`;
      const key = rawKey(identity, segmentId);
      await this.server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
      const md5 = createHash('md5').update(body).digest('hex');
      entries.push({ segmentId, key, bytes: body.length, md5, verified: 'md5' });
    }
    const content = buildManifest(identity, table.report.name, 'landed', entries);
    await writeManifest(this.store, identity, content);
  }

  deps(overrides: Partial<CurateDeps> = {}): CurateDeps {
    return {
      clock: { now: () => 0, sleep: async () => {} },
      log: SILENT,
      store: this.store,
      deadline: 1,
      curateDelivery,
      ...overrides,
    };
  }

  curate(
    instance: InstanceIdentity,
    { table = DOWNLOADS, heads = noHeads(), ...overrides }: CurateOptions = {},
  ): Promise<InstanceCuration> {
    return curateInstance(this.deps(overrides), heads, { instance, table, publishedTo: undefined });
  }

  /** What readers see below a prefix: by key the bytes and the metadata. */
  async contents(...prefixes: string[]): Promise<Record<string, unknown>> {
    const found: Record<string, unknown> = {};
    for (const prefix of prefixes) {
      for (const key of await this.store.list(prefix)) {
        const facts = await this.store.facts(key);
        const text = await this.store.readText(key);
        const sha256 = createHash('sha256')
          .update(text?.value ?? '')
          .digest('hex');
        found[key] = { sha256, etag: facts?.etag, metadata: facts?.metadata };
      }
    }
    return found;
  }

  /** Rows of the downloads table as `date territory counts is_final source_instance`, in order. */
  async rows(table = DOWNLOADS): Promise<readonly string[]> {
    const lake = await CuratedLake.open(join(this.server.directory, BUCKET));
    try {
      const rows = await lake.query(
        table.name,
        `SELECT CAST("date" AS VARCHAR) AS "date", territory, CAST(${table.columns.some(({ name }) => name === 'counts') ? 'counts' : 'count'} AS INTEGER) AS n, is_final, source_instance FROM {} ORDER BY ALL`,
      );
      return rows.map((row) => Object.values(row).join(' '));
    } finally {
      lake.close();
    }
  }

  close(): Promise<void> {
    return this.server.close();
  }
}

export interface CurateOptions extends Partial<CurateDeps> {
  readonly table?: ReportTable;
  readonly heads?: CuratedHeads;
}

/** Nothing is believed and nothing kept. */
export function noHeads(): CuratedHeads {
  return { headOf: () => undefined, remember: () => {} };
}
