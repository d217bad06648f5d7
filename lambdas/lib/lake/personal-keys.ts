import { keyPart } from './keys.ts';

/**
 * Every key of the personal bucket, as pure functions of our grant ids and Apple's request ids. Nothing personal
 * stands in a key: names of members are columns. Nothing else in the project builds such a key.
 */

/** One instance of a transfer as its keys name it. */
export interface TransferIdentity {
  readonly grantId: string;
  /** Apple's id of the instance. */
  readonly requestId: string;
}

/** Kinds of objects that hold a person's data, each the beginning of its keys; erasure goes through all of them. */
export const PERSONAL_KINDS = [
  'archives',
  'transfers',
  'unpacking',
  'files',
  'records',
  'members',
  'manifests',
] as const;
export type PersonalKind = (typeof PERSONAL_KINDS)[number];

/** Beginning of all keys of grants, which hold refresh tokens and lie under a KMS key of their own. */
export const GRANTS_PREFIX = 'grants/';

/** Key of a grant with its series. */
export function grantKey(grantId: string): string {
  return `${GRANTS_PREFIX}${keyPart(grantId)}.json`;
}

/** The grant id of a key under `grants/`, or undefined for any other key. */
export function parseGrantKey(key: string): string | undefined {
  const id = /^grants\/([^/]+)\.json$/.exec(key)?.[1];
  return id === undefined ? undefined : decodeURIComponent(id);
}

/** Key whose presence forbids to publish anything for the grant. */
export function tombstoneKey(grantId: string): string {
  return `tombstones/${keyPart(grantId)}.json`;
}

/** Key of what stops the calls of all grants, and why. */
export const CALL_STOP_KEY = 'control/call-stop.json';

/** Beginning of all keys of one kind. */
export function kindPrefix(kind: PersonalKind): string {
  return `${kind}/`;
}

/** Beginning of all keys of one kind that belong to a grant. */
export function grantPrefix(kind: PersonalKind, grantId: string): string {
  return `${kind}/grant=${keyPart(grantId)}/`;
}

/** Beginning of all keys of one kind that belong to an instance, for kinds with several objects an instance. */
export function instancePrefix(kind: PersonalKind, { grantId, requestId }: TransferIdentity): string {
  return `${grantPrefix(kind, grantId)}request=${keyPart(requestId)}/`;
}

/** Key of an archive exactly as Apple sent it; `number` counts from 1 in the order of Apple's first list. */
export function archiveKey(instance: TransferIdentity, number: number): string {
  return `${instancePrefix('archives', instance)}${number}.zip`;
}

/** Key of what is known of an archive: that it lies whole under `archiveKey`, or how far it came. */
export function archiveFactsKey(instance: TransferIdentity, number: number): string {
  return `${instancePrefix('archives', instance)}${number}.json`;
}

/** Key of the names and numbers of an instance's archives; written before the first of them is fetched. */
export function archiveListKey(instance: TransferIdentity): string {
  return `${instancePrefix('archives', instance)}list.json`;
}

/** Key of what was fetched of an instance; written last by the transfer. */
export function transferKey({ grantId, requestId }: TransferIdentity): string {
  return `${grantPrefix('transfers', grantId)}request=${keyPart(requestId)}.json`;
}

/**
 * Key of the lines about the members from one entry on, until unpacking is through with the instance: what a later
 * invocation goes on from. A lifecycle rule removes it after 7 days. Both numbers count from 1.
 */
export function unpackingKey(instance: TransferIdentity, archive: number, entry: number): string {
  return `${instancePrefix('unpacking', instance)}${archive}-${entry}.json`;
}

/** Key of a member that is no table, as it came; both numbers count from 1. */
export function fileKey(instance: TransferIdentity, archive: number, entry: number): string {
  return `${instancePrefix('files', instance)}${archive}-${entry}`;
}

/** Key of the rows of a member; both numbers count from 1. */
export function recordsKey(instance: TransferIdentity, archive: number, entry: number): string {
  return `${instancePrefix('records', instance)}${archive}-${entry}.parquet`;
}

/** Key of the lines that tell about every member of an instance. */
export function membersKey({ grantId, requestId }: TransferIdentity): string {
  return `${grantPrefix('members', grantId)}request=${keyPart(requestId)}.jsonl`;
}

/** Key of the manifest of an instance; written last by unpacking. */
export function unpackedKey({ grantId, requestId }: TransferIdentity): string {
  return `${grantPrefix('manifests', grantId)}request=${keyPart(requestId)}.json`;
}

/** The instance of a key under `transfers/` or `manifests/`, which name one each; undefined for any other key. */
export function parseInstanceKey(key: string): TransferIdentity | undefined {
  const [, grantId, requestId] =
    /^(?:transfers|manifests)\/grant=([^/]+)\/request=([^/]+)\.json$/.exec(key) ?? [];
  if (grantId === undefined || requestId === undefined) return undefined;
  return { grantId: decodeURIComponent(grantId), requestId: decodeURIComponent(requestId) };
}
