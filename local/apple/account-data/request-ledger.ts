import type { Clock } from '../../clock.ts';
import { DAY_MILLISECONDS } from '../calendar.ts';
import { uuidOf } from '../random.ts';
import type { LiveSeries, RequestRecord } from './calls.ts';
import type { Consents, Person } from './consents.ts';
import type { AccountDataWorld, Mode, Service } from './scenario.ts';

type RecurringMode = Exclude<Mode, 'ONE_TIME'>;

/** Days for which instances of a series can be asked for, and after which nothing is left of it. */
const TERM_DAYS: Readonly<Record<RecurringMode, { term: number; life: number; period: number }>> = {
  DAILY_30: { term: 30, life: 40, period: 1 },
  WEEKLY_180: { term: 180, life: 190, period: 7 },
};

/** Days after completion for which URLs can be asked for. */
export const WINDOW_DAYS = 3;

/** A recurring request with its instances. Times in milliseconds. */
export interface Series {
  readonly id: string;
  readonly person: Person;
  readonly consent: number;
  readonly service: Service;
  readonly mode: RecurringMode;
  readonly firstSubmittedAt: number;
  readonly instances: TransferRequest[];
  endedAt?: number;
}

/** One instance, or a one-time request. Times in milliseconds. */
export interface TransferRequest {
  readonly id: string;
  readonly person: Person;
  /** Which of the person's consents it was asked for with. */
  readonly consent: number;
  readonly service: Service;
  readonly mode: Mode;
  readonly series: Series | undefined;
  readonly instanceNumber: number;
  readonly submittedAt: number;
  readonly completesAt: number;
  /** Apple's jobStatus when the job is over; `in_progress`: it never is. */
  readonly finalStatus: string;
  cancelledAt?: number;
  /** Before it no status call is in order. */
  notBefore: number;
  /** How many answers have named a statusCheckDelay. */
  delaysTold: number;
  fetches: number;
  /** The client was told that it is over. */
  isEndTold: boolean;
  /** The answer with its id never reached the client. */
  isAnswerLost: boolean;
}

/** All requests of all people, and what state they are in at any time. */
export class RequestLedger {
  readonly #world: AccountDataWorld;
  readonly #clock: Clock;
  readonly #consents: Consents;
  readonly #requests: TransferRequest[] = [];
  readonly #byId = new Map<string, TransferRequest>();
  readonly #series: Series[] = [];

  constructor(world: AccountDataWorld, clock: Clock, consents: Consents) {
    this.#world = world;
    this.#clock = clock;
    this.#consents = consents;
  }

  /** Starts a one-time request or a series with its first instance. */
  submit(person: Person, service: Service, mode: Mode): TransferRequest {
    if (mode === 'ONE_TIME') return this.#add(person, service, mode, undefined);
    const series: Series = {
      id: uuidOf(this.#world.seed, 'series', person.index, this.#series.length).toUpperCase(),
      person,
      consent: this.#consents.present(person),
      service,
      mode,
      firstSubmittedAt: this.#clock.now(),
      instances: [],
    };
    this.#series.push(series);
    return this.#add(person, service, mode, series);
  }

  /** Starts the next instance of a series. */
  resubmit(series: Series): TransferRequest {
    return this.#add(series.person, series.service, series.mode, series);
  }

  #add(person: Person, service: Service, mode: Mode, series: Series | undefined): TransferRequest {
    const { scenario } = person;
    const ofPerson = this.#requests.filter((each) => each.person === person);
    const submittedAt = this.#clock.now();
    const request: TransferRequest = {
      id: uuidOf(this.#world.seed, 'request', person.index, ofPerson.length).toUpperCase(),
      person,
      consent: this.#consents.present(person),
      service,
      mode,
      series,
      instanceNumber: (series?.instances ?? ofPerson.filter((each) => each.series === undefined)).length + 1,
      submittedAt,
      completesAt: submittedAt + (scenario.jobSeconds ?? this.#world.jobSeconds) * 1000,
      finalStatus: scenario.jobStatuses[ofPerson.length] ?? 'completed',
      notBefore: submittedAt,
      delaysTold: 0,
      fetches: 0,
      isEndTold: false,
      isAnswerLost: false,
    };
    series?.instances.push(request);
    this.#requests.push(request);
    this.#byId.set(request.id, request);
    return request;
  }

  /** Apple's jobStatus of a request now; a withdrawn consent ends what is in progress. */
  statusOf(request: TransferRequest): string {
    const { cancelledAt, finalStatus } = request;
    if (cancelledAt !== undefined) return 'cancelled';
    const consentEnd = this.#consents.endOf(request.person, request.consent);
    const isOver = finalStatus !== 'in_progress' && this.#clock.now() >= request.completesAt;
    if (this.#clock.now() >= consentEnd && !(isOver && request.completesAt <= consentEnd)) return 'cancelled';
    return isOver ? finalStatus : 'in_progress';
  }

  /** Whether the archives of a request can be asked for: complete, and not longer than three days ago. */
  isWithinWindow(request: TransferRequest): boolean {
    return this.#clock.now() < request.completesAt + WINDOW_DAYS * DAY_MILLISECONDS;
  }

  /** A request of a person's present consent; `undefined` for an id of somebody else. */
  requestOf(person: Person, service: Service, id: string): TransferRequest | undefined {
    const request = this.#byId.get(id);
    const isOwn = request?.person === person && request.service === service;
    return isOwn && request.consent === this.#consents.present(person) ? request : undefined;
  }

  /** A series of a person's present consent, live or not. */
  seriesOf(person: Person, service: Service, id: string): Series | undefined {
    const consent = this.#consents.present(person);
    return this.#series.find(
      (each) =>
        each.id === id && each.person === person && each.service === service && each.consent === consent,
    );
  }

  /** The series that forbids the person another recurring submit. */
  liveSeriesOf(person: Person, service: Service): Series | undefined {
    return this.#series.find(
      (each) => each.person === person && each.service === service && this.isLive(each),
    );
  }

  /** Not cancelled, not withdrawn, and not older than 40 or 190 days. */
  isLive(series: Series): boolean {
    const now = this.#clock.now();
    const isConsented = now < this.#consents.endOf(series.person, series.consent);
    return series.endedAt === undefined && isConsented && now < this.#dayOf(series, 'life');
  }

  /** Whether the 30 or 180 days are over in which instances can be asked for. */
  isTermOver(series: Series): boolean {
    return this.#clock.now() >= this.#dayOf(series, 'term');
  }

  #dayOf(series: Series, which: 'term' | 'life'): number {
    return series.firstSubmittedAt + TERM_DAYS[series.mode][which] * DAY_MILLISECONDS;
  }

  /** Whether a day or a week has passed since an instance of the series was last asked for. */
  isPeriodOver(series: Series): boolean {
    const last = series.instances.at(-1)?.submittedAt ?? 0;
    return this.#clock.now() >= last + TERM_DAYS[series.mode].period * DAY_MILLISECONDS;
  }

  /** Requests of a person that are in progress and that the client can know of. */
  openRequestsOf(person: Person): TransferRequest[] {
    return this.#requests.filter(
      (each) => each.person === person && !each.isAnswerLost && this.statusOf(each) === 'in_progress',
    );
  }

  /** A request by its id, whosever it is. */
  byId(id: string): TransferRequest | undefined {
    return this.#byId.get(id);
  }

  /** Every request there has been, as it is now. */
  records(): RequestRecord[] {
    return this.#requests.map((request) => {
      const status = this.statusOf(request);
      const isByConsent = status === 'cancelled' && request.finalStatus !== 'cancelled';
      const consentEnd = this.#consents.endOf(request.person, request.consent);
      const cancelledAt = request.cancelledAt ?? (isByConsent ? consentEnd : undefined);
      const isComplete = status !== 'in_progress' && cancelledAt === undefined;
      return {
        externalId: request.person.externalId,
        requestId: request.id,
        ...(request.series === undefined ? {} : { parentRequestId: request.series.id }),
        mode: request.mode,
        instanceNumber: request.instanceNumber,
        status,
        submittedAt: request.submittedAt,
        ...(isComplete ? { completedAt: request.completesAt } : {}),
        ...(cancelledAt === undefined ? {} : { cancelledAt }),
      };
    });
  }

  /** Every series that is live now. */
  liveSeries(): LiveSeries[] {
    return this.#series
      .filter((series) => this.isLive(series))
      .map(({ person, id, firstSubmittedAt }) => ({
        externalId: person.externalId,
        parentRequestId: id,
        firstSubmittedAt,
      }));
  }
}
