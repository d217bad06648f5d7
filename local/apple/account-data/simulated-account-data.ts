import type { Clock } from '../../clock.ts';
import type { StandInHandler } from '../../http.ts';
import { UrlSigner } from '../signed-urls.ts';
import { Archives } from './archives.ts';
import { assetHost, listedPaths } from './asset-host.ts';
import type { LiveSeries, RecordedCall, RequestRecord, Violation } from './calls.ts';
import { ClientKey } from './client-secret.ts';
import { Consents } from './consents.ts';
import { FaultSwitches } from './faults.ts';
import { type HostBehaviour, hostHandler } from './host.ts';
import { oauthHost } from './oauth-host.ts';
import { Outages } from './outages.ts';
import { RequestLedger, type TransferRequest } from './request-ledger.ts';
import {
  type AccountDataScenario,
  type AccountDataWorld,
  accountDataScenarioSchema,
  type HostName,
  type Mode,
  type Region,
  type Service,
} from './scenario.ts';
import { transferHost } from './transfer-host.ts';
import { Violations } from './violations.ts';

/** The Account & Organizational Data Sharing key and who it belongs to. */
export interface DataSharingCredentials {
  readonly teamId: string;
  readonly clientId: string;
  readonly clientKeyId: string;
  /** PKCS#8 PEM, EC P-256: the text of a `.p8` file. */
  readonly clientPrivateKeyPem: string;
}

/** What a person's consent gave the client; the fields of an import line. */
export interface ConsentedGrant {
  readonly externalId: string;
  readonly refreshToken: string;
  readonly region: Region;
  readonly scopes: readonly string[];
  readonly mode: Mode;
  readonly service: Service;
}

/** One archive of a request. */
export interface SimulatedArchive {
  /** Last part of its URL's path, unless a variant renames it. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** One member of an archive, before it was packed. */
export interface SimulatedMember {
  /** The archive's number in the list, from 1. */
  readonly archive: number;
  /** Name inside the archive. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Cells as text, where the member is a table; numbers as they stand in it. */
  readonly rows?: readonly Readonly<Record<string, string>>[];
}

/** An archive that was sent whole at least once. */
export interface WholeArchive {
  readonly externalId: string;
  readonly requestId: string;
  readonly name: string;
}

/** Calls between two times (milliseconds, the end excluded) that do not succeed. */
export interface Outage {
  readonly from: number;
  readonly to: number;
  /** All when left out. */
  readonly hosts?: readonly HostName[];
  /** `refuse`: connections break before anything is done; 503 when left out. */
  readonly how?: '503' | 'refuse';
  /** Of one person alone. */
  readonly externalId?: string;
}

/** Account Data Transfer, App Data Transfer, Apple's OAuth and the host of the archives, by one clock. */
export interface SimulatedAccountData {
  /** https://accountdatatransfer.apple.com */
  readonly accountDataTransfer: StandInHandler;
  /** https://appdatatransfer.apple.com */
  readonly appDataTransfer: StandInHandler;
  /** https://appleid.apple.com */
  readonly oauth: StandInHandler;
  /** Where the URLs of `assetInfo` lead. */
  readonly assets: StandInHandler;
  /** Origin for the URLs that are written; until then https://assets.example-cdn.apple.com. */
  setOrigins(origins: { readonly assets: string }): void;
  readonly credentials: DataSharingCredentials;
  /** One per person of the scenario, already consented. */
  readonly grants: readonly ConsentedGrant[];
  /** The scenario with all defaults. */
  readonly world: AccountDataWorld;
  readonly faults: FaultSwitches;
  readonly calls: Readonly<Record<HostName, readonly RecordedCall[]>>;
  /** Every rule that the client broke. */
  readonly violations: readonly Violation[];
  /**
   * From now on refreshing is `invalid_grant`, access tokens are 401, running jobs, the series and URLs have ended.
   * An unknown person is a `TypeError`.
   */
  withdrawConsent(externalId: string): void;
  /** The person consents again: a new refresh token; nothing of before lives on. */
  giveConsent(externalId: string): ConsentedGrant;
  /** From now on client secrets are `invalid_client`. */
  revokeKey(): void;
  /** Adds an outage; the returned function takes it away. */
  outage(outage: Outage): () => void;
  /** Every request there has been, in their order. */
  requests(): readonly RequestRecord[];
  liveSeries(): readonly LiveSeries[];
  /** All archives of a completed request, made again when asked for. An unknown request is a `TypeError`. */
  archivesOf(requestId: string): Promise<readonly SimulatedArchive[]>;
  /** What the archives of a request hold. An unknown request is a `TypeError`. */
  membersOf(requestId: string): readonly SimulatedMember[];
  /** Every archive that was sent whole, in the order of the first time. */
  servedArchives(): readonly WholeArchive[];
}

/**
 * Makes a world. Everything it serves is a function of scenario, seed, clock and calls (keys and id_tokens excepted).
 * `seed` wins over the scenario's. Throws `ZodError` for a scenario that cannot be.
 */
export async function createSimulatedAccountData(options: {
  readonly clock: Clock;
  readonly seed?: number;
  readonly scenario?: AccountDataScenario;
  readonly keys?: { readonly clientPrivateKeyPem?: string };
}): Promise<SimulatedAccountData> {
  const { clock, seed, scenario = {}, keys = {} } = options;
  const world = accountDataScenarioSchema.parse(seed === undefined ? scenario : { ...scenario, seed });
  const startedAt = clock.now();
  const key = await ClientKey.make(world.seed, keys.clientPrivateKeyPem);
  const archives = await Archives.make(world, startedAt);
  const consents = new Consents(world, clock);
  const ledger = new RequestLedger(world, clock, consents);
  const violations = new Violations(clock);
  const outages = outagesOf(world, consents, startedAt);
  const faults = new FaultSwitches();
  faults.addScenario(world.faults);
  const signer = new UrlSigner(world.seed);
  const calls: Record<HostName, RecordedCall[]> = {
    accountDataTransfer: [],
    appDataTransfer: [],
    oauth: [],
    assets: [],
  };
  const served = new Map<string, WholeArchive>();
  let assetOrigin = 'https://assets.example-cdn.apple.com';

  const urlsOf = (request: TransferRequest, fetch: number) =>
    listedPaths(world, request.id, archives.countOf(request), fetch).map(
      (path) => assetOrigin + signer.sign(path, clock.now(), world.urlLifetimeSeconds),
    );
  const onServed = (request: TransferRequest, name: string) => {
    const { externalId } = request.person;
    served.set(`${request.id}/${name}`, { externalId, requestId: request.id, name });
  };
  const shared = { world, clock, consents, ledger, violations };
  const transfer = { ...shared, urlsOf, transactionIds: new Set<string>() };
  const handler = (behaviour: HostBehaviour) =>
    hostHandler(behaviour, { clock, faults, outages, calls: calls[behaviour.name] });
  const requestOf = (requestId: string) => {
    const request = ledger.byId(requestId);
    if (request === undefined) throw new TypeError(`there is no request ${requestId}`);
    return request;
  };

  return {
    accountDataTransfer: handler(transferHost('account-data', transfer)),
    appDataTransfer: handler(transferHost('app-data', transfer)),
    oauth: handler(oauthHost({ ...shared, key })),
    assets: handler(assetHost({ ...shared, archives, signer, onServed })),
    setOrigins: ({ assets }) => {
      assetOrigin = assets;
    },
    credentials: key.credentials,
    grants: consents.people.map((person) => consents.grantOf(person)),
    world,
    faults,
    calls,
    violations: violations.list,
    withdrawConsent: (externalId) => consents.withdraw(consents.personOf(externalId)),
    giveConsent: (externalId) => consents.give(consents.personOf(externalId)),
    revokeKey: () => key.revoke(),
    outage: (outage) => outages.add(outage),
    requests: () => ledger.records(),
    liveSeries: () => ledger.liveSeries(),
    archivesOf: async (requestId) => archives.allOf(requestOf(requestId)),
    membersOf: (requestId) => archives.membersOf(requestOf(requestId)),
    servedArchives: () => [...served.values()],
  };
}

function outagesOf(world: AccountDataWorld, consents: Consents, startedAt: number): Outages {
  const outages = new Outages();
  outages.addScenario(world.outages, startedAt);
  for (const { externalId, scenario } of consents.people)
    outages.addScenario(scenario.outages, startedAt, externalId);
  return outages;
}
