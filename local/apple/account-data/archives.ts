import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { drawStateOf, unitOf } from '../random.ts';
import { membersOf } from './archive-members.ts';
import type { TransferRequest } from './request-ledger.ts';
import type { AccountDataWorld } from './scenario.ts';
import { dataKinds } from './scopes.ts';
import type { SimulatedArchive, SimulatedMember } from './simulated-account-data.ts';
import { zipped } from './zip-writer.ts';
import { heldEntry, partsWithin, repeatedEntry, type StreamedEntry, zip64 } from './zip64-stream.ts';

/** The bytes of one archive; the whole may be far bigger than what is held in memory. */
export interface ArchiveContent {
  readonly name: string;
  readonly size: number;
  /** Strong, without quotes. */
  readonly etag: string;
  /** Bytes `start` (included) to `end` (not included). */
  read(start: number, end: number): Buffer | Readable;
}

const BIG_MEMBER = 'Big/big.bin';
const BIG_MEMBER_LINES = 20_000;

/** Lines that a compressor cannot make much smaller than a third. */
function bigText(seed: number): string {
  const line = (index: number) => {
    const drawn = unitOf(drawStateOf(seed, 'big', index)) * 2 ** 48;
    return `line ${index} of an invented file, ${Math.floor(drawn).toString(36)}\n`;
  };
  return Array.from({ length: BIG_MEMBER_LINES }, (_, index) => line(index)).join('');
}

/** The archives of all requests, made when they are asked for. */
export class Archives {
  readonly #world: AccountDataWorld;
  readonly #startedAt: number;
  readonly #innerArchive: Buffer;
  readonly #made = new Map<string, Promise<SimulatedArchive>>();
  readonly #bigEntries = new Map<string, StreamedEntry>();

  private constructor(world: AccountDataWorld, startedAt: number, innerArchive: Buffer) {
    this.#world = world;
    this.#startedAt = startedAt;
    this.#innerArchive = innerArchive;
  }

  /** `startedAt`: of the world, milliseconds. */
  static async make(world: AccountDataWorld, startedAt: number): Promise<Archives> {
    const older = Buffer.from('Year,Purchases\n2024,3\n2025,5\n');
    return new Archives(world, startedAt, await zipped([{ path: 'older/years.csv', bytes: older }]));
  }

  /** How many archives a request lists: all, or all but the last of several when it ended with an error. */
  countOf({ person, finalStatus }: TransferRequest): number {
    const drawn = 1 + Math.floor(unitOf(drawStateOf(this.#world.seed, 'archives', person.index)) * 2);
    const all = person.scenario.archives ?? drawn;
    return finalStatus === 'completed_with_error' && all > 1 ? all - 1 : all;
  }

  /** The members of the archives that a request lists, without the big one. */
  membersOf(request: TransferRequest): SimulatedMember[] {
    const { person } = request;
    const all = membersOf({
      seed: this.#world.seed,
      person: person.index,
      startedAt: this.#startedAt,
      takenAt: request.completesAt,
      memberBytes: person.scenario.memberBytes ?? 0,
      region: person.scenario.region,
      kinds: dataKinds(person.scopes),
      innerArchive: this.#innerArchive,
    });
    const listed = this.countOf(request);
    const spread = request.finalStatus === 'completed_with_error' && listed > 0 ? listed + 1 : listed;
    const placed = all.map((member, index) => ({ ...member, archive: (index % Math.max(1, spread)) + 1 }));
    const notes = Array.from({ length: listed }, (_, index) => ({
      archive: index + 1,
      path: `Read Me ${index + 1}.txt`,
      bytes: Buffer.from(`Part ${index + 1}\n`),
    }));
    return [...placed.filter(({ archive }) => archive <= listed), ...notes];
  }

  /** All archives that a request lists. Archives too big to be held are a `TypeError`. */
  allOf(request: TransferRequest): Promise<SimulatedArchive[]> {
    const numbers = Array.from({ length: this.countOf(request) }, (_, index) => index + 1);
    return Promise.all(numbers.map((number) => this.#held(request, number)));
  }

  /** One archive of a request; `number` counts from 1. A number that is not listed is a `TypeError`. */
  async contentOf(request: TransferRequest, number: number): Promise<ArchiveContent> {
    if (number < 1 || number > this.countOf(request))
      throw new TypeError(`request ${request.id} has no archive ${number}`);
    if (request.person.scenario.bigArchiveBytes !== undefined) return this.#streamed(request, number);
    const { name, bytes, sha256 } = await this.#held(request, number);
    return { name, size: bytes.length, etag: sha256, read: (start, end) => bytes.subarray(start, end) };
  }

  #held(request: TransferRequest, number: number): Promise<SimulatedArchive> {
    if (request.person.scenario.bigArchiveBytes !== undefined)
      throw new TypeError(`archives of request ${request.id} are too big to be held in memory`);
    const key = `${request.id}/${number}`;
    const made = this.#made.get(key) ?? this.#zip(request, number);
    this.#made.set(key, made);
    return made;
  }

  async #zip(request: TransferRequest, number: number): Promise<SimulatedArchive> {
    const members = this.membersOf(request).filter(({ archive }) => archive === number);
    const bytes = await zipped(members);
    return { name: `${number}.zip`, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
  }

  #streamed(request: TransferRequest, number: number): ArchiveContent {
    const { bigArchiveBytes = 0, bigArchiveStored } = request.person.scenario;
    const held = this.membersOf(request)
      .filter(({ archive }) => archive === number)
      .map(({ path, bytes }) => heldEntry(path, bytes));
    const { size, parts } = zip64([...held, this.#bigEntry(bigArchiveBytes, bigArchiveStored)]);
    return {
      name: `${number}.zip`,
      size,
      etag: createHash('sha256').update(`${request.id}/${number}/${size}`).digest('hex'),
      read: (start, end) => Readable.from(partsWithin(parts(), start, end)),
    };
  }

  /** Kept, because its checksum costs a pass over all its bytes. */
  #bigEntry(bytes: number, isStored: boolean): StreamedEntry {
    const key = `${bytes}/${isStored}`;
    const kept = this.#bigEntries.get(key);
    if (kept !== undefined) return kept;
    const entry = repeatedEntry(BIG_MEMBER, bigText(this.#world.seed), bytes, isStored ? 0 : 8);
    this.#bigEntries.set(key, entry);
    return entry;
  }
}
