import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  curatedKey,
  deliveriesPrefix,
  deliveriesStartAfter,
  deliveryKey,
  type InstanceIdentity,
  keyPart,
  ledgerPrefix,
  ledgerStartAfter,
  manifestKey,
  parseDeliveryKey,
  parseManifestKey,
  quarantineKey,
  rawKey,
  rawPrefix,
  supersededKey,
} from '../../lambdas/lib/lake/keys.ts';

const instance: InstanceIdentity = {
  appId: '1476097583',
  reportSlug: 'app-downloads-standard',
  granularity: 'DAILY',
  access: 'ONGOING',
  processingDate: '2026-06-03',
  instanceId: 'd4a141c8-7647-4bdf-b9ae-04cab705d641',
};

describe('keys of the analytics bucket', () => {
  it('puts a segment under its report, granularity, access and processingDate', () => {
    expect(rawKey(instance, '503110d4')).toBe(
      'raw/app-downloads-standard/granularity=daily/access=ongoing/processing_date=2026-06-03/' +
        '1476097583.d4a141c8-7647-4bdf-b9ae-04cab705d641.503110d4.tsv.gz',
    );
  });

  it('names a snapshot by its access', () => {
    expect(rawPrefix({ ...instance, access: 'ONE_TIME_SNAPSHOT' })).toContain('/access=snapshot/');
  });

  it('keeps an id from leaving its place in the key', () => {
    expect(keyPart('../a.b/c*')).toBe('%2E%2E%2Fa%2Eb%2Fc%2A');
    expect(rawKey({ ...instance, instanceId: '../x' }, 'a/b').split('/')).toHaveLength(6);
  });

  it('puts quarantined and superseded objects outside every table', () => {
    expect(quarantineKey('raw/a')).toBe('quarantine/raw/a');
    expect(supersededKey('raw/a')).toBe('superseded/raw/a');
  });

  it('has one curated object of a Date, or one of each processingDate and access where deliveries are kept', () => {
    const table = { name: 'app_downloads_standard_daily', keepsDeliveries: false };
    const kept = { name: 'app_sessions_context_daily', keepsDeliveries: true };
    const snapshot: InstanceIdentity = { ...instance, access: 'ONE_TIME_SNAPSHOT' };
    const keys = [table, kept].flatMap((each) =>
      [instance, snapshot].map((of) => curatedKey(each, '2026-06-01', of)),
    );
    expect(keys).toEqual([
      'curated/app_downloads_standard_daily/date=2026-06-01/1476097583.parquet',
      'curated/app_downloads_standard_daily/date=2026-06-01/1476097583.parquet',
      'curated/app_sessions_context_daily/date=2026-06-01/1476097583.2026-06-03.parquet',
      'curated/app_sessions_context_daily/date=2026-06-01/1476097583.2026-06-03.snapshot.parquet',
    ]);
  });

  it('reads any identity back from its manifest key and its delivery key', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (appId, instanceId) => {
        const wellFormed = (text: string) => text.isWellFormed();
        fc.pre(wellFormed(appId) && wellFormed(instanceId));
        const identity = { ...instance, appId, instanceId };

        expect(parseManifestKey(manifestKey(identity))).toEqual(identity);
        expect(parseDeliveryKey(deliveryKey(identity))).toEqual(identity);
      }),
    );
  });

  it('takes no other key for a manifest', () => {
    expect(parseManifestKey(`${ledgerPrefix('1')}processing_date=2026-06-03/readme.txt`)).toBeUndefined();
    expect(parseManifestKey(rawKey(instance, 's'))).toBeUndefined();
    expect(parseManifestKey(deliveryKey(instance))).toBeUndefined();
  });

  it('starts a LIST of the ledger before the manifests of its day and after those of the day before', () => {
    const before = manifestKey({ ...instance, processingDate: '2026-06-02' });
    const bound = ledgerStartAfter(instance.appId, '2026-06-03');

    expect(before < bound).toBe(true);
    expect(manifestKey(instance) > bound).toBe(true);
  });

  it('starts a LIST of the deliveries before those of its day and after those of the day before', () => {
    const before = deliveryKey({ ...instance, processingDate: '2026-06-02' });
    const bound = deliveriesStartAfter(instance.appId, '2026-06-03');

    expect(before < bound).toBe(true);
    expect(deliveryKey(instance) > bound).toBe(true);
    expect(parseDeliveryKey(`${deliveriesPrefix('1')}readme.txt`)).toBeUndefined();
    expect(parseDeliveryKey(manifestKey(instance))).toBeUndefined();
  });
});
