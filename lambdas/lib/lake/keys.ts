import type { AccessType, Granularity } from '../analytics/contracts.ts';

/**
 * Every key of the analytics bucket, as pure functions of Apple's ids and dates (README: the lake). Nothing else in
 * the project builds a key.
 */

/** The parts of an instance's identity that its keys are made of. */
export interface InstanceIdentity {
  readonly appId: string;
  readonly reportSlug: string;
  readonly granularity: Granularity;
  readonly access: AccessType;
  /** `YYYY-MM-DD`, Apple's processingDate. */
  readonly processingDate: string;
  readonly instanceId: string;
}

/** Apple's ids are opaque: whatever could change the meaning of a key is percent-encoded, `.` included. */
export function keyPart(id: string): string {
  return encodeURIComponent(id).replace(
    /[.!'()*~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** How keys and tables call the kind of request that delivered something. */
export function accessName(access: AccessType): 'ongoing' | 'snapshot' {
  return access === 'ONGOING' ? 'ongoing' : 'snapshot';
}

/** Common beginning of all raw keys of one instance. */
export function rawPrefix(instance: InstanceIdentity): string {
  return [
    `raw/${instance.reportSlug}`,
    `granularity=${instance.granularity.toLowerCase()}`,
    `access=${accessName(instance.access)}`,
    `processing_date=${instance.processingDate}`,
    `${keyPart(instance.appId)}.${keyPart(instance.instanceId)}.`,
  ].join('/');
}

/** Key of one segment's bytes exactly as Apple sent them. */
export function rawKey(instance: InstanceIdentity, segmentId: string): string {
  return `${rawPrefix(instance)}${keyPart(segmentId)}.tsv.gz`;
}

/** Prefix of an app's manifests; keys sort by processingDate, so `start-after` bounds the LIST. */
export function ledgerPrefix(appId: string): string {
  return `ledger/app_id=${keyPart(appId)}/`;
}

/** A key just before the app's manifests of `processingDate`, for `start-after`. */
export function ledgerStartAfter(appId: string, processingDate: string): string {
  return `${ledgerPrefix(appId)}processing_date=${processingDate}`;
}

/** Key of an instance's manifest, written last: it says that the instance is landed (or expired). */
export function manifestKey(instance: InstanceIdentity): string {
  const name = [
    accessName(instance.access),
    instance.reportSlug,
    instance.granularity.toLowerCase(),
    keyPart(instance.instanceId),
  ].join('.');
  return `${ledgerPrefix(instance.appId)}processing_date=${instance.processingDate}/${name}.json`;
}

const MANIFEST_KEY =
  /^ledger\/app_id=([^/]+)\/processing_date=(\d{4}-\d{2}-\d{2})\/(ongoing|snapshot)\.([^.]+)\.(daily|weekly|monthly)\.([^.]+)\.json$/;

/** Both kinds of key name the same parts in the same order. */
function identityOf(match: RegExpExecArray | null): InstanceIdentity | undefined {
  if (match === null) return undefined;
  const [, appId = '', processingDate = '', access, reportSlug = '', granularity = '', instanceId = ''] =
    match;
  return {
    appId: decodeURIComponent(appId),
    reportSlug,
    granularity: granularity.toUpperCase() as Granularity,
    access: access === 'ongoing' ? 'ONGOING' : 'ONE_TIME_SNAPSHOT',
    processingDate,
    instanceId: decodeURIComponent(instanceId),
  };
}

/** Reads an instance's identity back from its manifest's key; undefined for any other key. */
export function parseManifestKey(key: string): InstanceIdentity | undefined {
  return identityOf(MANIFEST_KEY.exec(key));
}

/** Where bytes stay whose checksum or size was wrong three times; outside every table. */
export function quarantineKey(originalRawKey: string): string {
  return `quarantine/${originalRawKey}`;
}

/** Where a raw object moves that no manifest names any more. */
export function supersededKey(originalRawKey: string): string {
  return `superseded/${originalRawKey}`;
}

/** What of a table decides the keys of its objects. */
export interface TableKeys {
  /** In SQL and in keys, e.g. `app_downloads_standard_daily`. */
  readonly name: string;
  /** Whether the deliveries of a Date stand beside each other instead of replacing each other. */
  readonly keepsDeliveries: boolean;
}

/**
 * Key of the one object that an app has for a Date of a table. Where deliveries are kept there is one for each
 * processingDate, and a snapshot's stands beside the ongoing one of its day.
 */
export function curatedKey(
  table: TableKeys,
  date: string,
  { appId, processingDate, access }: Pick<InstanceIdentity, 'appId' | 'processingDate' | 'access'>,
): string {
  const name = [keyPart(appId)];
  if (table.keepsDeliveries) name.push(processingDate);
  if (table.keepsDeliveries && access === 'ONE_TIME_SNAPSHOT') name.push(accessName(access));
  return `curated/${table.name}/date=${date}/${name.join('.')}.parquet`;
}

/** Prefix of an app's delivery objects; keys sort by processingDate, so `start-after` bounds the LIST. */
export function deliveriesPrefix(appId: string): string {
  return `deliveries/${keyPart(appId)}/`;
}

/** A key just before the app's delivery objects of `processingDate`, for `start-after`. */
export function deliveriesStartAfter(appId: string, processingDate: string): string {
  return `${deliveriesPrefix(appId)}${processingDate}`;
}

/** Key of an instance's delivery object, written last: it says that the instance is curated. */
export function deliveryKey(instance: InstanceIdentity): string {
  const name = [
    instance.processingDate,
    accessName(instance.access),
    instance.reportSlug,
    instance.granularity.toLowerCase(),
    keyPart(instance.instanceId),
  ].join('.');
  return `${deliveriesPrefix(instance.appId)}${name}.json`;
}

const DELIVERY_KEY =
  /^deliveries\/([^/]+)\/(\d{4}-\d{2}-\d{2})\.(ongoing|snapshot)\.([^.]+)\.(daily|weekly|monthly)\.([^.]+)\.json$/;

/** Reads an instance's identity back from its delivery object's key; undefined for any other key. */
export function parseDeliveryKey(key: string): InstanceIdentity | undefined {
  return identityOf(DELIVERY_KEY.exec(key));
}

/** What curation remembers of an app between runs to save requests; without it everything is looked up again. */
export function curationMemoryKey(appId: string): string {
  return `curation/${keyPart(appId)}.json`;
}

/** What the account's app is asked under at Apple: request ids, their first day, the kept report ids. */
export function requestStateKey(appId: string): string {
  return `requests/${keyPart(appId)}.json`;
}

export function leaseKey(accountName: string): string {
  return `leases/${accountName}.json`;
}

/** How far each of the app's reports has come, as the `freshness` table reads it. */
export function freshnessKey(accountName: string, appId: string): string {
  return `freshness/${accountName}/${keyPart(appId)}.json`;
}

/** Prefix of all that one run writes about itself. */
export function runPrefix(accountName: string, execution: string): string {
  return `runs/${accountName}/${execution}/`;
}

/** What `List Apps` found, and how the account as a whole ended when Apple refused it. */
export function runAppsKey(accountName: string, execution: string): string {
  return `${runPrefix(accountName, execution)}apps.json`;
}

export function planKey(accountName: string, execution: string, appId: string): string {
  return `${runPrefix(accountName, execution)}plans/${keyPart(appId)}.json`;
}

/** Outcomes of one step for one app; `part` tells steps and their repeats apart. */
export function outcomesKey(accountName: string, execution: string, appId: string, part: string): string {
  return `${runPrefix(accountName, execution)}outcomes/${keyPart(appId)}/${part}.json`;
}

export function failuresPrefix(accountName: string, execution: string): string {
  return `${runPrefix(accountName, execution)}failures/`;
}

export function summaryKey(accountName: string, execution: string): string {
  return `${runPrefix(accountName, execution)}summary.json`;
}

/** Prefix of all that one execution of rebuild-curated writes about itself. */
export function rebuildPrefix(execution: string): string {
  return `runs/rebuild/${execution}/`;
}

/** An app's table in an execution of rebuild-curated: `name` as in the curated keys. */
export interface RebuiltTable {
  readonly appId: string;
  readonly name: string;
}

/** Prefix of the lists below, which the state machine reads its items from. */
export function rebuildTablesPrefix(execution: string): string {
  return `${rebuildPrefix(execution)}tables/`;
}

/** The instances that an app's table is rebuilt from. */
export function rebuildTableKey(execution: string, { appId, name }: RebuiltTable): string {
  return `${rebuildTablesPrefix(execution)}${keyPart(appId)}/${name}.json`;
}

export function rebuildResultsPrefix(execution: string): string {
  return `${rebuildPrefix(execution)}results/`;
}

/** What one invocation made of an app's table; `part` makes a repeat overwrite itself and nothing else. */
export function rebuildResultKey(execution: string, { appId, name }: RebuiltTable, part: string): string {
  return `${rebuildResultsPrefix(execution)}${keyPart(appId)}/${name}/${part}.json`;
}

/** Where the state machine tells why it could not finish a table. */
export function rebuildFailuresPrefix(execution: string): string {
  return `${rebuildPrefix(execution)}failures/`;
}

export function rebuildSummaryKey(execution: string): string {
  return `${rebuildPrefix(execution)}summary.json`;
}
