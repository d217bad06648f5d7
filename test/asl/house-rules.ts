import { z } from 'zod';
import { ACCOUNT_DATA_ERROR_NAMES, ERROR_NAMES } from '../../lambdas/lib/errors.ts';
import {
  ACCOUNT_DATA_PROFILES,
  ANALYTICS_PROFILES,
  type RetryProfile,
  type RetryProfiles,
} from './retry-profiles.ts';

/**
 * House rules of our state machines that no published linter knows. Each rule takes one definition and returns
 * its problems as `<state>: <problem>`.
 */

type Fields = Readonly<Record<string, unknown>>;

interface State {
  readonly name: string;
  readonly fields: Fields;
}

/** What the rules know about the world outside the definition. */
export interface Surroundings {
  /** Seconds by construct id of the function. */
  readonly functionTimeouts: Readonly<Record<string, number>>;
  /** The flow whose rules hold; by default those of analytics. */
  readonly flow?: FlowName;
}

const fields = z.record(z.string(), z.unknown());
const nested = z.looseObject({ States: fields });

/** All states of a definition, those inside Map and Parallel included. */
export function statesOf(definition: unknown): State[] {
  return Object.entries(nested.parse(definition).States).flatMap(([name, value]) => {
    const state = fields.parse(value);
    const branches = z.array(z.unknown()).catch([]).parse(state.Branches);
    const inner = [state.ItemProcessor, ...branches].filter((part) => part !== undefined);
    return [{ name, fields: state }, ...inner.flatMap(statesOf)];
  });
}

interface FlowRules {
  /** What its functions may throw. */
  readonly errorNames: readonly string[];
  readonly profiles: RetryProfiles;
  /** The profiles of a task that invokes a function, in their order. */
  readonly functionProfiles: readonly string[];
  /** The profiles of a task that starts an execution, in their order. */
  readonly startProfiles: readonly string[];
  /**
   * Whether an operator redrives a failed execution, since its name is used up: it then has to fail in the task
   * itself, because a redrive of a Fail state fails again. Otherwise every task has a Catch.
   */
  readonly isRedriven: boolean;
}

const FLOW_RULES = {
  analytics: {
    errorNames: ERROR_NAMES,
    profiles: ANALYTICS_PROFILES,
    functionProfiles: [
      'apple-refused',
      'unusable',
      'not-curable',
      'apple-throttled',
      'apple-unavailable',
      'aws-transient',
      'function-lost',
      'unknown',
    ],
    startProfiles: ['already-started', 'unknown'],
    isRedriven: false,
  },
  'account-data': {
    errorNames: [...ERROR_NAMES, ...ACCOUNT_DATA_ERROR_NAMES],
    profiles: ACCOUNT_DATA_PROFILES,
    functionProfiles: [
      'apple-refused',
      'unusable',
      'not-curable',
      'account-data-refused',
      'apple-throttled',
      'apple-unavailable',
      'secret-unavailable',
      'aws-transient',
      'function-lost',
      'unknown',
    ],
    startProfiles: ['already-started', 'not-started'],
    isRedriven: true,
  },
} as const satisfies Readonly<Record<string, FlowRules>>;

export type FlowName = keyof typeof FLOW_RULES;

/** Functions that work with download URLs of Apple. */
const URL_FUNCTIONS = ['LandSegments', 'FetchArchives'];

/** Names that AWS gives errors, as far as our machines mention them. */
const AWS_ERROR_NAMES = [
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.ServiceException',
  'Lambda.TooManyRequestsException',
  'Lambda.Unknown',
  'Runtime.ExitError',
  'Runtime.OutOfMemory',
  'Sandbox.Timedout',
  'States.ALL',
  'States.Timeout',
  'StepFunctions.ExecutionAlreadyExistsException',
];

const INVOKE = 'arn:aws:states:::lambda:invoke';
const START_EXECUTION = 'arn:aws:states:::states:startExecution';

const handler = z.looseObject({ ErrorEquals: z.array(z.string()) });
const handlers = z.array(handler).catch([]);

function retrierText(retrier: Fields): string {
  const { ErrorEquals, ...rest } = retrier;
  const errors = z.array(z.string()).parse(ErrorEquals).toSorted();
  return JSON.stringify([
    errors,
    ...Object.entries(rest).toSorted(([left], [right]) => (left < right ? -1 : 1)),
  ]);
}

function profileText(profile: RetryProfile): string {
  return retrierText({
    ErrorEquals: profile.errors,
    IntervalSeconds: profile.interval,
    MaxAttempts: profile.attempts,
    BackoffRate: profile.rate,
    MaxDelaySeconds: profile.longest,
    JitterStrategy: profile.jitter,
  });
}

function profileName(retrier: Fields, { profiles }: FlowRules): string | undefined {
  const text = retrierText(retrier);
  return Object.entries(profiles).find(([, profile]) => profileText(profile) === text)?.[0];
}

function functionId(state: Fields): string | undefined {
  const name = z.looseObject({ FunctionName: z.string() }).safeParse(state.Arguments).data?.FunctionName;
  return /^\$\{(\w+)Arn\}$/.exec(name ?? '')?.[1];
}

function timeoutProblems(state: Fields, surroundings: Surroundings): string[] {
  const seconds = state.TimeoutSeconds;
  if (typeof seconds !== 'number') return ['has no TimeoutSeconds'];
  if (state.Resource !== INVOKE) return [];
  const id = functionId(state);
  if (id === undefined) return ['names its function other than by a substitution'];
  const timeout = surroundings.functionTimeouts[id];
  if (timeout === undefined) return [`invokes ${id}, which does not exist`];
  if (seconds === timeout + 10) return [];
  return [`has TimeoutSeconds ${seconds}, its function ends after ${timeout}: ${timeout + 10} is right`];
}

function wantedProfiles(resource: unknown, rules: FlowRules): readonly string[] {
  if (resource === INVOKE) return rules.functionProfiles;
  return resource === START_EXECUTION ? rules.startProfiles : ['unknown'];
}

function retryProblems(state: Fields, rules: FlowRules): string[] {
  const retriers = handlers.parse(state.Retry);
  const names = retriers.map((retrier) => profileName(retrier, rules));
  if (names.includes(undefined)) return [`retrier ${names.indexOf(undefined) + 1} is no named profile`];
  const wanted = wantedProfiles(state.Resource, rules);
  return names.join() === wanted.join() ? [] : [`retries by ${names.join()}, not by ${wanted.join()}`];
}

function catchProblems(state: Fields, rules: FlowRules, failStates: readonly string[]): string[] {
  const catches = handlers.parse(state.Catch);
  if (!rules.isRedriven) return catches.length === 0 ? ['has no Catch'] : [];
  const leadsToFail = catches.some(
    ({ ErrorEquals, Next }) => ErrorEquals.includes('States.ALL') && failStates.includes(String(Next)),
  );
  return leadsToFail ? ['catches everything only to fail, which no redrive can mend'] : [];
}

function urlProblems(state: Fields): string[] {
  if (!URL_FUNCTIONS.includes(functionId(state) ?? '')) return [];
  return /URLs live \d+ minutes/.test(String(state.Comment)) ? [] : ['does not say how long its URLs live'];
}

function taskProblems(state: Fields, surroundings: Surroundings, failStates: readonly string[]): string[] {
  const rules = FLOW_RULES[surroundings.flow ?? 'analytics'];
  return [
    ...timeoutProblems(state, surroundings),
    ...retryProblems(state, rules),
    ...catchProblems(state, rules, failStates),
    ...urlProblems(state),
    ...unhandledProblems(state, rules),
  ];
}

function errorNameProblems(state: Fields, rules: FlowRules): string[] {
  const lists = [...handlers.parse(state.Retry), ...handlers.parse(state.Catch)].map(
    (entry) => entry.ErrorEquals,
  );
  const known: readonly string[] = [...rules.errorNames, ...AWS_ERROR_NAMES];
  const unknown = lists.flat().filter((name) => !known.includes(name));
  const all = (entries: readonly z.infer<typeof handler>[]) =>
    entries.flatMap(({ ErrorEquals }, index) => {
      if (!ErrorEquals.includes('States.ALL')) return [];
      if (ErrorEquals.length > 1) return ['names States.ALL beside other errors'];
      return index === entries.length - 1 ? [] : ['has something after States.ALL'];
    });
  return [
    ...unknown.map((name) => `handles ${name}, which nothing throws`),
    ...all(handlers.parse(state.Retry)),
    ...all(handlers.parse(state.Catch)),
  ];
}

function unhandledProblems(state: Fields, rules: FlowRules): string[] {
  if (state.Resource !== INVOKE) return [];
  const handled = handlers.parse(state.Retry).flatMap((retrier) => retrier.ErrorEquals);
  return rules.errorNames
    .filter((name) => !handled.includes(name))
    .map((name) => `has no retrier for ${name}`);
}

function mapProblems(state: Fields): string[] {
  return [
    ...(state.MaxConcurrency === undefined ? ['has no MaxConcurrency'] : []),
    ...(typeof state.Label === 'string' ? [] : ['has no Label']),
  ];
}

/** Words of what must never outlive an invocation: nothing that expires is state. */
const FLEETING = /url|token|secret|bearer|password|credential|privatekey/i;

function fleetingProblems(state: Fields): string[] {
  const catches = z.array(fields).catch([]).parse(state.Catch);
  const kept = [state, ...catches].flatMap((part) => [part.Assign, part.Output]);
  const word = FLEETING.exec(JSON.stringify(kept))?.[0];
  return word === undefined ? [] : [`keeps something called "${word}" in Assign or Output`];
}

function nameProblems(name: string): string[] {
  const isTitleCase = /^[A-Z][A-Za-z]*( [A-Z][A-Za-z]*)*$/.test(name);
  return isTitleCase && name.length <= 40 ? [] : ['is not named in Title Case of at most 40 characters'];
}

function stateProblems(
  { name, fields: state }: State,
  surroundings: Surroundings,
  failStates: readonly string[],
): string[] {
  return [
    ...nameProblems(name),
    ...(state.Type === 'Task' ? taskProblems(state, surroundings, failStates) : []),
    ...(state.Type === 'Choice' && typeof state.Default !== 'string' ? ['has no Default'] : []),
    ...(state.Type === 'Map' ? mapProblems(state) : []),
    ...errorNameProblems(state, FLOW_RULES[surroundings.flow ?? 'analytics']),
    ...fleetingProblems(state),
  ].map((problem) => `${name}: ${problem}`);
}

function machineProblems(definition: unknown): string[] {
  const { Comment, QueryLanguage, TimeoutSeconds } = fields.parse(definition);
  return [
    ...(typeof Comment === 'string' && /^[A-Z].{20,}\.$/.test(Comment)
      ? []
      : ['machine: has no Comment of one sentence']),
    ...(QueryLanguage === 'JSONata' ? [] : ['machine: is not in JSONata']),
    ...(typeof TimeoutSeconds === 'number' ? [] : ['machine: has no TimeoutSeconds']),
  ];
}

/** Every breach of a house rule; an empty list is what a definition must have. */
export function houseRuleProblems(definition: unknown, surroundings: Surroundings): string[] {
  const states = statesOf(definition);
  const failStates = states.flatMap(({ name, fields: { Type } }) => (Type === 'Fail' ? [name] : []));
  return [
    ...machineProblems(definition),
    ...states.flatMap((state) => stateProblems(state, surroundings, failStates)),
  ];
}
