import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { StepAnswer } from '../../../lambdas/lib/account-data/contracts.ts';
import type { AppleDeps, AssetDownload } from '../../../lambdas/lib/account-data/deps.ts';
import { fetchArchives } from '../../../lambdas/lib/account-data/fetch-archives.ts';
import { type Grant, type InstanceRecord, readGrant } from '../../../lambdas/lib/account-data/grant.ts';
import {
  type TransferManifest,
  transferManifest,
} from '../../../lambdas/lib/account-data/transfer-manifest.ts';
import type { AccountDataTransfer, UrlsAnswer } from '../../../lambdas/lib/apple/account-data-answers.ts';
import { jsonText, type ObjectStore, objectStore } from '../../../lambdas/lib/lake/object-store.ts';
import { grantKey, tombstoneKey, transferKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import type { StandInHandler, StandInRequest, StandInResponse } from '../../../local/http.ts';
import { s3RequestHandler } from '../../../local/s3/request-handler.ts';
import { BUCKET, principal, StillClock, startStore, type TestStore } from '../local-s3-harness.ts';

export const GRANT_ID = '3f0d8d0e-6d2e-4b0f-9a52-6a6f0f6e2f11';
export const REQUEST_ID = '7BBBD45D-0B2C-4B9E-8E6D-2A8A6F3C1D22';
const REFERENCE = { grantId: GRANT_ID, series: 1, instance: 1 };
const IDENTITY = { grantId: GRANT_ID, requestId: REQUEST_ID };

/** The request is submitted at noon, still in progress a day later, and seen complete two days later. */
export const NOW = Date.parse('2026-06-03T12:00:00Z');
export const HOUR = 3_600_000;
export const MINUTE = 60_000;

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

export const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Bytes that no two positions share, as a zip's do. */
export function archiveBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed * 2_654_435_761;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

function* pieces(bytes: Buffer, length = 64 * 1024): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += length) yield bytes.subarray(from, from + length);
}

/** A body of these bytes that breaks with the error after `length` of them. */
export function brokenBody(bytes: Buffer, length: number, error: () => Error): Readable {
  return Readable.from(
    (function* () {
      yield* pieces(bytes.subarray(0, length));
      throw error();
    })(),
  );
}

/** A request to the host of archives. */
export interface AssetRequest {
  readonly name: string;
  readonly url: string;
  /** Counts the requests for this archive from 1. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly resume: { readonly offset: number; readonly etag: string } | undefined;
}

/** What the fake host of archives answers with a whole archive. */
export function wholeDownload(bytes: Buffer): AssetDownload {
  return {
    offset: 0,
    totalBytes: bytes.length,
    resumableWith: undefined,
    body: Readable.from(pieces(bytes)),
  };
}

export interface FetchWorldOptions {
  readonly mode?: Grant['mode'];
  readonly record?: Partial<InstanceRecord>;
}

function grantOf({ mode = 'DAILY_30', record = {} }: FetchWorldOptions): Grant {
  const submittedAt = '2026-06-01T12:00:00.000Z';
  return {
    grantId: GRANT_ID,
    externalId: 'person-1',
    refreshToken: 'refresh-token',
    region: 'EU',
    scopes: ['appstore-info-account-data-for-EU-users'],
    mode,
    service: 'account-data',
    status: 'active',
    series: [
      {
        number: 1,
        mode,
        submittedMode: mode,
        service: 'account-data',
        parentRequestId: 'EABD06C0-1E6C-4F7C-9D8B-1B0B6E1C7A11',
        firstSubmittedAt: submittedAt,
        lastSubmittedAt: submittedAt,
        status: 'live',
        instances: [
          {
            number: 1,
            state: 'in-progress',
            intent: { call: 'submit', at: submittedAt, tries: 1 },
            requestId: REQUEST_ID,
            submittedAt,
            lastIncompleteAt: '2026-06-02T12:00:00.000Z',
            completionSeenAt: '2026-06-03T12:00:00.000Z',
            jobStatus: 'completed',
            failedRequestIds: [],
            transactionIds: {},
            ...record,
          },
        ],
      },
    ],
  };
}

/** `fetchArchives` over S3 in this process, with a scripted Apple and a scripted host of archives. */
export class FetchWorld {
  readonly clock = new StillClock(NOW);
  readonly server: TestStore;
  /** The store as the test reads it. */
  readonly lake: ObjectStore;
  readonly metrics: string[] = [];
  readonly logLines: { level: string; message: string; fields: unknown }[] = [];
  /** By name, in the order of Apple's list. */
  archives = new Map<string, Buffer>();
  /** Calls for URLs, and downloads by the archive's name. */
  listCalls = 0;
  readonly downloads: { name: string; offset: number | undefined; url: string }[] = [];
  invocationMilliseconds = 895_000;
  /** Names of Apple's list at its nth call, from 1; all archives in their order unless told. */
  listedNames: (call: number) => readonly string[] = () => [...this.archives.keys()];
  /** Apple's answer at its nth call instead of a list of URLs. */
  listAnswer: (call: number) => UrlsAnswer | undefined = () => undefined;
  /** The host's answer; whole archives unless told. */
  host: (request: AssetRequest) => AssetDownload | Promise<AssetDownload> = ({ name }) =>
    wholeDownload(this.archive(name));
  /** Stands between the step and S3. */
  interceptS3: (request: StandInRequest, next: StandInHandler) => Promise<StandInResponse> = (
    request,
    next,
  ) => next(request);
  /** Called before each call to Apple. */
  beforeAppleCall: () => void = () => {};
  /** As the step sees it. */
  readonly store: ObjectStore;

  static async open(options: FetchWorldOptions = {}): Promise<FetchWorld> {
    const world = new FetchWorld(await startStore());
    await world.lake.writeText(grantKey(GRANT_ID), jsonText(grantOf(options)));
    return world;
  }

  private constructor(server: TestStore) {
    this.server = server;
    this.lake = objectStore(server.client, BUCKET);
    const client = new S3Client({
      region: 'us-east-1',
      credentials: principal,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      logger: SILENT,
      requestHandler: s3RequestHandler((request) => this.interceptS3(request, server.service.handle)),
    });
    this.store = objectStore(client, BUCKET);
  }

  archive(name: string): Buffer {
    const bytes = this.archives.get(name);
    if (bytes === undefined) throw new Error(`no archive ${name}`);
    return bytes;
  }

  async #urls(): Promise<UrlsAnswer> {
    this.beforeAppleCall();
    this.listCalls += 1;
    const call = this.listCalls;
    const transactionId = `TRANSACTION-${call}`;
    const urls = this.listedNames(call).map(
      (name) => `https://assets.example.com/files/${name}?signature=secret-${call}`,
    );
    const instead = this.listAnswer(call);
    return instead ?? { result: 'urls', urls, requestedAt: this.clock.now(), transactionId };
  }

  /** Runs the step once. */
  run(): Promise<StepAnswer> {
    const refuse = () => Promise.reject(new Error('only URLs are asked for'));
    const apple: AccountDataTransfer = {
      submit: refuse,
      resubmit: refuse,
      status: refuse,
      cancel: refuse,
      downloadUrls: () => this.#urls(),
    };
    const record = (level: string) => (message: string, fields?: unknown) => {
      this.logLines.push({ level, message, fields });
    };
    const deps: AppleDeps = {
      clock: this.clock,
      log: { info: record('info'), warn: record('warn'), error: record('error') },
      metrics: { count: (name) => void this.metrics.push(name) },
      store: this.store,
      grants: this.store,
      deadline: this.clock.now() + this.invocationMilliseconds,
      connect: () => apple,
      openAsset: async (url, { signal, resume }) => {
        this.beforeAppleCall();
        const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
        this.downloads.push({ name, offset: resume?.offset, url });
        const attempt = this.downloads.filter((entry) => entry.name === name).length;
        return this.host({ name, url, attempt, signal, resume });
      },
      renewSeries: false,
    };
    return fetchArchives(deps, REFERENCE);
  }

  /** Runs it as the machine does, after each wait, until something else is to be done. */
  async runToEnd(most = 500): Promise<StepAnswer> {
    for (let run = 1; run <= most; run += 1) {
      const answer = await this.run();
      if (answer.phase !== 'fetch' && answer.phase !== 'wait') return answer;
      this.clock.milliseconds += answer.delaySeconds * 1000;
    }
    throw new Error(`no end after ${most} runs`);
  }

  async instance(): Promise<InstanceRecord> {
    const grant = await readGrant(this.lake, GRANT_ID);
    return grant.series[0]?.instances[0] as InstanceRecord;
  }

  async manifest(): Promise<TransferManifest | undefined> {
    return (await this.lake.readJson(transferKey(IDENTITY), transferManifest))?.value;
  }

  /** Bytes of the object under `archives/`, by the last part of its key. */
  async stored(name: string): Promise<Buffer> {
    const Key = `archives/grant=${GRANT_ID}/request=${REQUEST_ID}/${name}`;
    const answer = await this.server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
    return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
  }

  /** Deletes the object under `archives/`, by the last part of its key. */
  async remove(name: string): Promise<void> {
    const Key = `archives/grant=${GRANT_ID}/request=${REQUEST_ID}/${name}`;
    await this.server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
  }

  /** The last parts of all keys under `archives/`. */
  async storedNames(): Promise<string[]> {
    return (await this.lake.list('archives/')).map((key) => key.split('/').at(-1) ?? '');
  }

  /** Every object but the grant, as text by key. */
  async contents(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const key of await this.lake.list('')) {
      if (key.startsWith('grants/')) continue;
      const answer = await this.server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      found[key] = sha256Of(Buffer.from((await answer.Body?.transformToByteArray()) ?? []));
    }
    return found;
  }

  /** The JSON objects of the instance, as text. */
  async texts(): Promise<(string | undefined)[]> {
    const keys = (await this.lake.list('')).filter(
      (key) => key.endsWith('.json') && !key.startsWith('grants/'),
    );
    return Promise.all(keys.map(async (key) => (await this.lake.readText(key))?.value));
  }

  async openUploads(): Promise<number> {
    const listed = await this.server.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    return listed.Uploads?.length ?? 0;
  }

  async erase(): Promise<void> {
    await this.lake.writeText(tombstoneKey(GRANT_ID), '{}\n');
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
