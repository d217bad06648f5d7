import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../local/asl/runner.ts';
import { VirtualClock } from '../../local/clock.ts';
import { Principals } from '../../local/principals.ts';
import { createS3Service } from '../../local/s3/service.ts';
import { machineObjects } from '../../local/step-functions/machine-objects.ts';

const REGION = 'us-east-1';
const ROLE = 'arn:aws:iam::111111111111:role/Machine';
const KEYS = Array.from({ length: 1001 }, (_, index) => `items/${String(index).padStart(4, '0')}`);

let directory: string;
let objects: ObjectStore;
let requests: string[];
let service: ReturnType<typeof createS3Service>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'machine-objects-'));
  await mkdir(join(directory, 'plans/items'), { recursive: true });
  await Promise.all(KEYS.map((key) => writeFile(join(directory, 'plans', key), key)));
  const clock = new VirtualClock(Date.parse('2026-06-03T00:00:00Z'));
  const principals = new Principals();
  requests = [];
  service = createS3Service({
    directory,
    clock,
    region: REGION,
    principals: (accessKeyId) => principals.ofAccessKey(accessKeyId),
    buckets: [{ name: 'plans', versioned: true }],
    authorize({ principal, action, resource }) {
      requests.push(`${principal.name} ${action} ${resource}`);
      return !resource.endsWith('/secret.json');
    },
  });
  objects = machineObjects({ handle: service.handle, clock, region: REGION }, principals.ofRole(ROLE));
});
afterAll(async () => {
  await service.close();
  await rm(directory, { recursive: true });
});

describe('the objects of a machine', () => {
  it('are listed over all pages, in the order of their keys', async () => {
    const listed = await objects.listObjects('plans', 'items/');
    expect(listed.map(({ Key }) => Key)).toEqual(KEYS);
    expect(listed[1000]).toEqual({
      Key: 'items/1000',
      Size: 10,
      ETag: expect.stringMatching(/^".+"$/),
      LastModified: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T/),
      StorageClass: 'STANDARD',
    });
    expect(requests).toContain(`${ROLE} s3:ListBucket arn:aws:s3:::plans`);
    expect(await objects.listObjects('plans', 'nothing/')).toEqual([]);
  });

  it('are written as text and read again', async () => {
    await objects.writeObject('plans', 'results/a.json', '{"a":"é"}');
    expect(await objects.readObject('plans', 'results/a.json')).toBe('{"a":"é"}');
    expect(requests).toContain(`${ROLE} s3:PutObject arn:aws:s3:::plans/results/a.json`);
  });

  it.each([
    ['plans', 'absent', /key does not exist.*Status Code: 404/],
    ['other', 'items/0000', /bucket does not exist.*Status Code: 404/],
    ['plans', 'secret.json', /Status Code: 403/],
  ])('tell what S3 said of %s/%s', async (bucket, key, message) => {
    await expect(objects.readObject(bucket, key)).rejects.toMatchObject({
      name: 'ObjectStoreError',
      message: expect.stringMatching(message),
    });
  });
});
