/** One object as `listObjectsV2` lists it. */
export interface ListedObject {
  readonly Key: string;
  readonly Size: number;
  readonly ETag: string;
  /** ISO 8601. */
  readonly LastModified: string;
  readonly StorageClass: string;
}

/** What ItemReader and ResultWriter need of S3; each rejects with ObjectStoreError where S3 refuses. */
export interface ObjectStore {
  readObject(bucket: string, key: string): Promise<string>;
  listObjects(bucket: string, prefix: string): Promise<readonly ListedObject[]>;
  writeObject(bucket: string, key: string, text: string): Promise<void>;
}

/** The store as an execution may use it: its machine's role decides. */
export type ObjectStoreOf = (executionArn: string) => ObjectStore;

/** S3 refused: `States.ItemReaderFailed` or `States.ResultWriterFailed` with this message as cause. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError';
}

/** A definition needs objects and the runner was created without a store: a fault of whoever created it. */
export class MissingObjectStoreError extends Error {
  override readonly name = 'MissingObjectStore';
}

/** The store of an execution. Throws MissingObjectStoreError, which ends the run instead of failing the state. */
export function requiredStore(
  storeOf: ObjectStoreOf | undefined,
  executionArn: string,
  field: 'ItemReader' | 'ResultWriter',
): ObjectStore {
  if (storeOf !== undefined) return storeOf(executionArn);
  throw new MissingObjectStoreError(
    `${executionArn} has a Map with ${field}, but this runner was created without objects: give it a store.`,
  );
}
