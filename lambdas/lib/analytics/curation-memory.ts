import * as z from 'zod';
import type { CuratedHead } from '../lake/curated.ts';
import { curationMemoryKey } from '../lake/keys.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { addDays } from '../runtime/clock.ts';
import { accessType, day } from './contracts.ts';

/** Ongoing deliveries tell of a Date again within so many days, corrections included; older ones are looked up. */
const REMEMBERED_DAYS = 20;

const head = z.object({
  rank: z.object({
    isFinal: z.boolean(),
    processingDate: day,
    access: accessType,
    instanceId: z.string(),
    curationVersion: z.int(),
  }),
  etag: z.string(),
});

const memory = z.object({
  /** By curated key: what was there when it was last written or looked at. */
  heads: z.record(z.string(), head),
  /** By report slug: names of columns that the catalog lacks and that have been told once. */
  reportedColumns: z.record(z.string(), z.array(z.string())),
});
type Memory = z.infer<typeof memory>;

function parsed(text: string | undefined): Memory {
  const empty: Memory = { heads: {}, reportedColumns: {} };
  if (text === undefined) return empty;
  try {
    return memory.parse(JSON.parse(text));
  } catch {
    // It only saves requests, so what cannot be read is worth no more than nothing.
    return empty;
  }
}

function dateOf(key: string): string {
  return /\/date=(\d{4}-\d{2}-\d{2})\//.exec(key)?.[1] ?? '';
}

/**
 * What curation remembers of an app from run to run: which object it last saw under the keys of recent Dates, to save
 * a HEAD for each, and which unknown columns it has told. It may be stale, lost or overwritten by another run: a wrong
 * head fails the write's condition, and a column is told twice.
 */
export class CurationMemory {
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #heads: Map<string, z.infer<typeof head>>;
  readonly #reported: Map<string, ReadonlySet<string>>;
  readonly #stored: string | undefined;

  private constructor(store: ObjectStore, key: string, stored: string | undefined) {
    const { heads, reportedColumns } = parsed(stored);
    this.#store = store;
    this.#key = key;
    this.#heads = new Map(Object.entries(heads));
    this.#reported = new Map(Object.entries(reportedColumns).map(([slug, names]) => [slug, new Set(names)]));
    this.#stored = stored;
  }

  static async read(store: ObjectStore, appId: string): Promise<CurationMemory> {
    const key = curationMemoryKey(appId);
    return new CurationMemory(store, key, (await store.readText(key))?.value);
  }

  headOf(key: string): CuratedHead | undefined {
    return this.#heads.get(key);
  }

  remember(key: string, { rank, etag }: CuratedHead): void {
    if (rank === undefined) this.#heads.delete(key);
    else this.#heads.set(key, { rank, etag });
  }

  /** The names among these that have not been told of the report yet; from now on they have. */
  tellColumns(slug: string, names: readonly string[]): readonly string[] {
    const told = this.#reported.get(slug) ?? new Set();
    this.#reported.set(slug, told.union(new Set(names)));
    return names.filter((name) => !told.has(name));
  }

  /** Keeps the heads of recent Dates; writes nothing when nothing has changed. */
  async write(): Promise<void> {
    const newest = [...this.#heads.keys()].map(dateOf).sort().at(-1);
    const oldest = newest === undefined ? '' : addDays(newest, -REMEMBERED_DAYS);
    const heads = [...this.#heads].filter(([key]) => dateOf(key) >= oldest).sort(byName);
    const reported = [...this.#reported].map(([slug, names]) => [slug, [...names].sort()] as const);
    const text = JSON.stringify({
      heads: Object.fromEntries(heads),
      reportedColumns: Object.fromEntries(reported.filter(([, names]) => names.length > 0).sort(byName)),
    } satisfies Memory);
    if (text !== this.#stored) await this.#store.writeText(this.#key, text);
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
