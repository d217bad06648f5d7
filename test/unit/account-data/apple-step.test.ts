import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppleDeps } from '../../../lambdas/lib/account-data/deps.ts';
import { readGrant } from '../../../lambdas/lib/account-data/grant.ts';
import { submitRequest } from '../../../lambdas/lib/account-data/submit-request.ts';
import {
  ApiUnavailableError,
  GrantNotFoundError,
  StorageUnavailableError,
} from '../../../lambdas/lib/errors.ts';
import { CALL_STOP_KEY, grantKey, tombstoneKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { FetchWorld, GRANT_ID } from './fetch-world.ts';

const REFERENCE = { grantId: GRANT_ID, series: 1, instance: 1 };
const SUBMIT_PATH = '/api/transfer/accountdata/submit';

let world: FetchWorld;
beforeEach(async () => {
  world = await FetchWorld.open({
    mode: 'ONE_TIME',
    record: { state: 'submitting', requestId: undefined, submittedAt: undefined },
  });
});
afterEach(() => world.close());

/** S3 answers every request for the key by that method with the error. */
function failAt(method: string, key: string, status: number, code: string): void {
  world.interceptS3 = (request, next) =>
    request.method === method && request.target.includes(key)
      ? Promise.resolve({
          status,
          headers: { 'content-type': 'application/xml' },
          body: Buffer.from(`<Error><Code>${code}</Code><Message>it failed</Message></Error>`),
        })
      : next(request);
}

/** Submits with a client whose submit fails with the error. */
function submitFailingWith(error: Error) {
  const refuse = () => Promise.reject(error);
  const deps: AppleDeps = {
    clock: world.clock,
    log: { info() {}, warn() {}, error() {} },
    metrics: { count() {} },
    store: world.store,
    grants: world.store,
    deadline: world.clock.now() + world.invocationMilliseconds,
    connect: () => ({
      submit: refuse,
      resubmit: refuse,
      status: refuse,
      cancel: refuse,
      downloadUrls: refuse,
    }),
    openAsset: refuse,
    renewSeries: false,
  };
  return submitRequest(deps, REFERENCE);
}

const triesOf = async () => (await readGrant(world.lake, GRANT_ID)).series[0]?.instances[0]?.intent.tries;

describe('a fault of S3 in a step', () => {
  it.each([
    ['looks for the tombstone', 'HEAD', tombstoneKey(GRANT_ID), 'SlowDown'],
    ['reads the grant', 'GET', grantKey(GRANT_ID), 'InternalError'],
    ['reads whether calls are stopped', 'GET', CALL_STOP_KEY, 'SlowDown'],
    ['writes the grant', 'PUT', grantKey(GRANT_ID), 'InternalError'],
  ])('that passes by itself is StorageUnavailableError where it %s', async (_what, method, key, code) => {
    failAt(method, key, 503, code);

    await expect(submitFailingWith(new Error('is never asked'))).rejects.toThrow(StorageUnavailableError);
  });

  it('that lasts stays what it is', async () => {
    failAt('GET', grantKey(GRANT_ID), 403, 'AccessDenied');

    await expect(submitFailingWith(new Error('is never asked'))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });

  it('is none where there is no grant', async () => {
    await world.store.move(grantKey(GRANT_ID), 'elsewhere.json');

    await expect(submitFailingWith(new Error('is never asked'))).rejects.toThrow(GrantNotFoundError);
  });
});

describe('a submit without an answer', () => {
  it('counts as made where the connection broke', async () => {
    const before = (await triesOf()) ?? 0;
    const broken = new ApiUnavailableError('The connection broke.', { details: { path: SUBMIT_PATH } });

    expect(await submitFailingWith(broken)).toMatchObject({ outcome: 'apple-unavailable' });
    expect(await triesOf()).toBe(before + 1);
  });

  it('does not count where no time was left to make it', async () => {
    const before = await triesOf();
    const never = new ApiUnavailableError('No time is left.', {
      details: { path: SUBMIT_PATH, reason: 'deadline' },
    });

    expect(await submitFailingWith(never)).toMatchObject({ outcome: 'apple-unavailable' });
    expect(await triesOf()).toBe(before);
  });
});
