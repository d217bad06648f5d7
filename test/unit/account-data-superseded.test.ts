import { DeleteObjectsCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deleteSuperseded } from '../../lambdas/lib/account-data/delete-superseded.ts';
import type { TransferManifest } from '../../lambdas/lib/account-data/transfer-manifest.ts';
import type { UnpackedManifest } from '../../lambdas/lib/account-data/unpack/unpacked-manifest.ts';
import { deleteObjects } from '../../lambdas/lib/lake/delete-objects.ts';
import { jsonText, type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import {
  archiveFactsKey,
  archiveKey,
  fileKey,
  GRANTS_PREFIX,
  grantKey,
  instancePrefix,
  membersKey,
  PERSONAL_KINDS,
  parseInstanceKey,
  recordsKey,
  tombstoneKey,
  transferKey,
  unpackedKey,
} from '../../lambdas/lib/lake/personal-keys.ts';
import { BUCKET, StillClock, startStore, type TestStore } from './local-s3-harness.ts';

const ANNA = '11111111-1111-4111-8111-111111111111';
const BEN = '22222222-2222-4222-8222-222222222222';

const SAME = { parentRequestId: null, service: 'account-data', mode: 'DAILY_30', series: 1 } as const;

let server: TestStore;
let store: ObjectStore;
let logged: unknown[];

beforeEach(async () => {
  server = await startStore();
  store = objectStore(server.client, BUCKET);
  logged = [];
});
afterEach(() => server.close());

interface Arrived {
  readonly day: number;
  /** Absent: not unpacked. */
  readonly complete?: boolean;
  readonly grantId?: string;
  readonly requestId?: string;
  readonly members?: number;
}

/** Writes an object of every kind of one instance. */
async function arrive({ day, complete, grantId = ANNA, requestId = `R${day}`, members = 2 }: Arrived) {
  const instance = { grantId, requestId };
  const facts = {
    ...{ ...SAME, ...instance, instance: day, instanceAt: `2026-11-0${day}T08:00:00.000Z` },
    partial: complete === false,
  };
  const transfer: TransferManifest = { ...facts, archives: [] };
  await store.writeText(archiveKey(instance, 1), 'zip');
  await store.writeText(archiveFactsKey(instance, 1), '{}');
  await store.writeText(transferKey(instance), jsonText(transfer));
  if (complete === undefined) return;
  const unpacked: UnpackedManifest = {
    ...{ ...facts, complete, archives: 1, members, rows: 1, bytes: 2, outcomes: { unpacked: 2 } },
  };
  await store.writeText(`${instancePrefix('unpacking', instance)}1.jsonl`, '{}');
  await store.writeText(recordsKey(instance, 1, 1), 'rows');
  await store.writeText(fileKey(instance, 1, 2), 'file');
  await store.writeText(membersKey(instance), '{}');
  await store.writeText(unpackedKey(instance), jsonText(unpacked));
}

function run(keepSuperseded: number, over: ObjectStore = store, clock = new StillClock(0), deadline = 1) {
  const log = {
    info() {},
    warn: (message: string, fields?: object) => logged.push([message, fields]),
    error: (message: string, fields?: object) => logged.push([message, fields]),
  };
  return deleteSuperseded({ clock, log, store: over, deadline, keepSuperseded }, {});
}

/** Request ids of a grant of which anything is left, of whatever kind. */
async function left(grantId = ANNA): Promise<string[]> {
  const keys = (await store.list('')).filter((key) => key.includes(`grant=${grantId}/`));
  return [...new Set(keys.map((key) => /request=([^/.]+)/.exec(key)?.[1] ?? key))].sort();
}

describe('deleting superseded instances', () => {
  it('keeps the current one, the configured number before it and whatever is newer', async () => {
    for (const day of [1, 2, 3, 4, 5]) await arrive({ day, complete: true });
    await arrive({ day: 6, complete: false });
    await arrive({ day: 7 });
    expect(await run(2)).toEqual({ grants: 1, instances: 2, objects: 16 });
    expect(await left()).toEqual(['R3', 'R4', 'R5', 'R6', 'R7']);
    expect(await run(0)).toEqual({ grants: 1, instances: 2, objects: 16 });
    expect(await left()).toEqual(['R5', 'R6', 'R7']);
  });

  it('takes objects of every kind away and leaves those of other instances as they are', async () => {
    for (const day of [1, 2]) await arrive({ day, complete: true });
    // Its keys begin as those of the superseded instance do.
    await arrive({ day: 3, complete: true, requestId: 'R1-1' });
    const before = await store.list('');
    await run(1);
    expect(before.filter((key) => /request=R1[/.]/.test(key))).toHaveLength(8);
    expect(await store.list('')).toEqual(before.filter((key) => !/request=R1[/.]/.test(key)));
  });

  it('counts an older instance that is partial or not unpacked like any other', async () => {
    await arrive({ day: 1 });
    await arrive({ day: 2, complete: false });
    for (const day of [3, 4]) await arrive({ day, complete: true });
    await run(1);
    expect(await left()).toEqual(['R3', 'R4']);
  });

  it('deletes nothing while no instance of the grant is complete', async () => {
    for (const day of [1, 2, 3]) await arrive({ day, complete: false });
    await arrive({ day: 4 });
    expect(await run(0)).toEqual({ grants: 0, instances: 0, objects: 0 });
    expect(await left()).toEqual(['R1', 'R2', 'R3', 'R4']);
  });

  it('does not take an instance for current whose archives hold no member, which a person without access may get', async () => {
    for (const day of [1, 2]) await arrive({ day, complete: true });
    await arrive({ day: 3, complete: true, members: 0 });
    await run(0);
    expect(await left()).toEqual(['R2', 'R3']);
  });

  it('goes by the time of the request, and of two equal ones by the request id', async () => {
    await arrive({ day: 2, complete: true, requestId: 'a' });
    await arrive({ day: 1, complete: true, requestId: 'z' });
    await arrive({ day: 2, complete: true, requestId: 'b' });
    await run(0);
    expect(await left()).toEqual(['b']);
  });

  it('looks at each grant by itself and never at grants, tombstones and control objects', async () => {
    for (const day of [1, 2]) await arrive({ day, complete: true });
    await arrive({ day: 3, complete: true, grantId: BEN });
    const others = [grantKey(ANNA), tombstoneKey(ANNA), 'control/call-stop.json'];
    for (const key of others) await store.writeText(key, '{}');
    await run(0);
    expect(await left()).toEqual(['R2']);
    expect(await left(BEN)).toEqual(['R3']);
    expect(await store.list('')).toEqual(expect.arrayContaining(others));
    expect(PERSONAL_KINDS.map((kind) => `${kind}/`)).not.toContain(GRANTS_PREFIX);
  });

  it('deletes what was unpacked again while it was being deleted', async () => {
    for (const day of [1, 2]) await arrive({ day, complete: true });
    await deleteObjects(store, [transferKey({ grantId: ANNA, requestId: 'R1' })]);
    expect(await run(0)).toMatchObject({ instances: 1, objects: 7 });
    expect(await left()).toEqual(['R2']);
  });

  it('leaves what the deadline cuts off to the next run, and says so', async () => {
    for (const day of [1, 2]) await arrive({ day, complete: true });
    expect(await run(0, store, new StillClock(5), 5)).toEqual({ grants: 0, instances: 0, objects: 0 });
    expect(logged).toEqual([['out of time: the next run goes on', { grantsLeft: 1 }]]);
    expect(await run(0)).toMatchObject({ instances: 1 });
  });

  it('goes through the other grants when one fails, and then fails', async () => {
    for (const grantId of [ANNA, BEN])
      for (const day of [1, 2]) await arrive({ day, complete: true, grantId });
    await store.writeText(transferKey({ grantId: ANNA, requestId: 'R2' }), '{}');
    await expect(run(0)).rejects.toMatchObject({ name: 'PayloadContractError' });
    expect(await left(BEN)).toEqual(['R2']);
    expect(await left()).toEqual(['R1', 'R2']);
    expect(logged).toEqual([[expect.any(String), { grantId: ANNA, error: 'PayloadContractError' }]]);
  });
});

describe('a death while superseded instances are deleted', () => {
  /** The store, whose n-th call kills, before or after it was applied. */
  function dyingStore(at: number, applied: boolean): { readonly store: ObjectStore; calls(): number } {
    const client = server.clientWith({});
    let calls = 0;
    client.middlewareStack.add((next) => async (given) => {
      calls += 1;
      if (calls === at && applied) await next(given);
      if (calls === at) throw new Error('killed');
      return next(given);
    });
    return { store: objectStore(client, BUCKET), calls: () => calls };
  }

  async function wholeOrGone(): Promise<string[]> {
    const keys = await store.list('');
    const told = keys.filter((key) => /^(members|manifests)\//.test(key));
    return told.flatMap((key) => {
      const request = /request=(R\d)/.exec(key)?.[1] ?? '';
      const data = keys.filter((each) => each.includes(`request=${request}`) && !told.includes(each));
      return data.length === 6 ? [] : [`${key} tells of ${data.length} objects`];
    });
  }

  it('never leaves a half instance that looks whole, and the next run ends it', async () => {
    const arriveAll = async () => {
      for (const day of [1, 2]) await arrive({ day, complete: true });
    };
    await arriveAll();
    const counting = dyingStore(0, false);
    await run(0, counting.store);
    const end = await store.list('');
    expect(counting.calls()).toBeGreaterThan(15);
    for (let at = 1; at <= counting.calls(); at += 1) {
      await arriveAll();
      await expect(run(0, dyingStore(at, at % 2 === 0).store)).rejects.toThrow('killed');
      expect(await wholeOrGone(), `call ${at}`).toEqual([]);
      await run(0);
      expect(await store.list(''), `call ${at}`).toEqual(end);
    }
  });
});

describe('deleting many objects', () => {
  const client = new S3Client({ region: 'us-east-1' });
  const mocked = mockClient(client);
  const keys = Array.from({ length: 1001 }, (_, index) => `files/${index}`);
  const answering = objectStore(client, BUCKET);

  it('takes a thousand keys a call, and no call for none', async () => {
    mocked.reset();
    mocked.on(DeleteObjectsCommand).resolves({});
    await deleteObjects(answering, keys);
    await deleteObjects(answering, []);
    const sent = mocked.commandCalls(DeleteObjectsCommand).map(({ args }) => args[0].input.Delete?.Objects);
    expect(sent.map((objects) => objects?.length)).toEqual([1000, 1]);
    expect(sent[1]).toEqual([{ Key: 'files/1000' }]);
  });

  it.each([
    ['InternalError', 'StorageUnavailableError'],
    ['SlowDown', 'StorageUnavailableError'],
    ['AccessDenied', 'AccessDenied'],
  ])('fails when S3 answers %s for one of the keys', async (Code, name) => {
    mocked.reset();
    mocked.on(DeleteObjectsCommand).resolves({ Errors: [{ Key: 'files/7', Code }] });
    await expect(deleteObjects(answering, keys)).rejects.toMatchObject({
      name,
      message: expect.stringContaining('files/7'),
    });
    expect(mocked.calls()).toHaveLength(1);
  });
});

describe('a key of an instance', () => {
  const instance = { grantId: ANNA, requestId: 'A.b/c' };

  it('is read back from the two kinds that have one object an instance', () => {
    for (const key of [transferKey(instance), unpackedKey(instance)]) {
      expect(parseInstanceKey(key)).toEqual(instance);
    }
  });

  it.each(['grants/x.json', 'transfers/grant=x/y.json', 'archives/grant=x/request=y/1.json', ''])(
    'is not read from %j',
    (key) => {
      expect(parseInstanceKey(key)).toBeUndefined();
    },
  );
});
