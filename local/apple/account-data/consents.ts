import type { Clock } from '../../clock.ts';
import { DAY_MILLISECONDS } from '../calendar.ts';
import { base32Of, uuidOf } from '../random.ts';
import type { AccountDataWorld, PersonScenario } from './scenario.ts';
import { usualScopes } from './scopes.ts';
import type { ConsentedGrant } from './simulated-account-data.ts';

/** Someone whose data is held. */
export interface Person {
  readonly index: number;
  readonly externalId: string;
  readonly scopes: readonly string[];
  /** The `sub` of id_tokens: stable per team. */
  readonly subject: string;
  readonly scenario: PersonScenario;
}

/** One consent of a person, from its giving to its withdrawal. */
interface Consent {
  readonly number: number;
  /** The newest last; older ones work until a newer one was used. */
  refreshTokens: string[];
  endsAt: number;
}

interface AccessToken {
  readonly person: Person;
  readonly consent: Consent;
  endsAt: number;
}

/** Who consented until when, and the tokens that stand for it. Times in milliseconds. */
export class Consents {
  readonly people: readonly Person[];
  readonly #world: AccountDataWorld;
  readonly #clock: Clock;
  readonly #consents = new Map<Person, Consent[]>();
  readonly #refreshTokenOwners = new Map<string, Person>();
  readonly #accessTokens = new Map<string, AccessToken>();
  #minted = 0;

  constructor(world: AccountDataWorld, clock: Clock) {
    this.#world = world;
    this.#clock = clock;
    const startedAt = clock.now();
    this.people = world.people.map((scenario, index) => ({
      index,
      externalId: scenario.externalId ?? `person-${String(index + 1).padStart(3, '0')}`,
      scopes: scenario.scopes ?? usualScopes(scenario.region, scenario.legacy),
      subject: `${base32Of(6, world.seed, 'subject', index)}.${uuidOf(world.seed, 'subject', index).replaceAll('-', '')}.1042`,
      scenario,
    }));
    for (const person of this.people) {
      const day = person.scenario.consentWithdrawnOnDay;
      this.#add(person, day === undefined ? Number.POSITIVE_INFINITY : startedAt + day * DAY_MILLISECONDS);
    }
  }

  #add(person: Person, endsAt: number): void {
    const before = this.#consents.get(person) ?? [];
    const consent = { number: before.length, refreshTokens: [], endsAt };
    this.#addRefreshToken(person, consent);
    this.#consents.set(person, [...before, consent]);
  }

  #addRefreshToken(person: Person, consent: Consent): string {
    const count = consent.refreshTokens.length;
    const drawn = base32Of(
      32,
      this.#world.seed,
      'refresh',
      person.index,
      consent.number,
      count,
      this.#minted,
    );
    const token = `r${consent.number}.${drawn.toLowerCase()}`;
    consent.refreshTokens.push(token);
    this.#refreshTokenOwners.set(token, person);
    return token;
  }

  #present(person: Person): Consent {
    const consent = this.#consents.get(person)?.at(-1);
    if (consent === undefined) throw new TypeError(`${person.externalId} has never consented`);
    return consent;
  }

  /** A person by the name in the grants; an unknown one is a `TypeError`. */
  personOf(externalId: string): Person {
    const person = this.people.find((each) => each.externalId === externalId);
    if (person === undefined) throw new TypeError(`there is no person ${externalId}`);
    return person;
  }

  /** The number of the person's latest consent, from 0. */
  present(person: Person): number {
    return this.#present(person).number;
  }

  /** When a consent ends or ended; infinity while nobody has withdrawn it. */
  endOf(person: Person, consentNumber: number): number {
    return this.#consents.get(person)?.[consentNumber]?.endsAt ?? 0;
  }

  withdraw(person: Person): void {
    const consent = this.#present(person);
    consent.endsAt = Math.min(consent.endsAt, this.#clock.now());
  }

  /** A new consent; the one before ends. */
  give(person: Person): ConsentedGrant {
    this.withdraw(person);
    this.#add(person, Number.POSITIVE_INFINITY);
    return this.grantOf(person);
  }

  grantOf(person: Person): ConsentedGrant {
    const { externalId, scopes, scenario } = person;
    return {
      externalId,
      refreshToken: this.#present(person).refreshTokens.at(-1) ?? '',
      region: scenario.region,
      scopes,
      mode: scenario.mode,
      service: scenario.service,
    };
  }

  /** Whose refresh token this is, if it still works; using it ends the older ones. */
  useRefreshToken(token: string): Person | undefined {
    const person = this.#refreshTokenOwners.get(token);
    if (person === undefined) return undefined;
    const consent = this.#present(person);
    const position = consent.refreshTokens.indexOf(token);
    if (position < 0 || this.#clock.now() >= consent.endsAt) return undefined;
    consent.refreshTokens.splice(0, position);
    return person;
  }

  /** A further refresh token of the person's consent. */
  rotate(person: Person): string {
    return this.#addRefreshToken(person, this.#present(person));
  }

  mintAccessToken(person: Person): string {
    this.#minted += 1;
    const token = `a${this.#minted}.${base32Of(32, this.#world.seed, 'access', person.index, this.#minted).toLowerCase()}`;
    this.#accessTokens.set(token, {
      person,
      consent: this.#present(person),
      endsAt: this.#clock.now() + this.#world.accessTokenSeconds * 1000,
    });
    return token;
  }

  /** Whose token this is, refresh or access, whether or not it still works; for the record of calls. */
  ownerOfToken(token: string): Person | undefined {
    return this.#accessTokens.get(token)?.person ?? this.#refreshTokenOwners.get(token);
  }

  /** Whose access token this is, if it still works. */
  useAccessToken(token: string): Person | undefined {
    const found = this.#accessTokens.get(token);
    const now = this.#clock.now();
    if (found === undefined || now >= found.endsAt || now >= found.consent.endsAt) return undefined;
    return found.person;
  }

  endAccessToken(token: string): void {
    const found = this.#accessTokens.get(token);
    if (found !== undefined) found.endsAt = 0;
  }

  /** Ends the session that a working token stands for: all its refresh and access tokens. */
  revokeToken(token: string): void {
    const owner = this.ownerOfToken(token);
    if (owner === undefined) return;
    const consent = this.#present(owner);
    const accessToken = this.#accessTokens.get(token);
    if (accessToken?.consent !== consent && !consent.refreshTokens.includes(token)) return;
    consent.refreshTokens = [];
    for (const each of this.#accessTokens.values()) if (each.consent === consent) each.endsAt = 0;
  }
}
