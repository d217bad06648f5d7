import { crc32 } from 'node:zlib';
import { isCalendarDay } from './calendar.ts';
import { parameterIllegal, parameterInvalid, parameterNotSimulated } from './refusals.ts';

/** What a query parameter may hold. */
export type ParameterRule =
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'text' }
  | { readonly kind: 'dates' }
  | { readonly kind: 'limit'; readonly maximum: number }
  | { readonly kind: 'cursor' }
  /** Apple has the parameter, simulated Apple nothing that it could speak of. */
  | { readonly kind: 'not-simulated' };

export type ParameterRules = Readonly<Record<string, ParameterRule>>;

/** The checked query parameters of a call. */
export class Parameters {
  readonly #lists: ReadonlyMap<string, readonly string[]>;

  constructor(lists: ReadonlyMap<string, readonly string[]>) {
    this.#lists = lists;
  }

  /** The values of a comma-joined parameter; `undefined` when it was not given. */
  list(name: string): readonly string[] | undefined {
    return this.#lists.get(name);
  }

  /** A whole number, or the default. */
  number(name: string, otherwise: number): number {
    const text = this.#lists.get(name)?.[0];
    return text === undefined ? otherwise : Number(text);
  }

  /** Whether a value passes a filter; a filter that was not given lets everything pass. */
  admits(name: string, value: string): boolean {
    return this.#lists.get(name)?.includes(value) ?? true;
  }

  /** The parameters in the order given, for links. */
  entries(): [string, string][] {
    return [...this.#lists].map(([name, values]) => [name, values.join(',')]);
  }
}

function checkValue(name: string, value: string, rule: ParameterRule, path: string): void {
  const refuse = (hint: string) => {
    throw parameterInvalid(name, `'${value}' is not a valid value for the parameter '${name}'. ${hint}`);
  };
  if (value === '') refuse('It must not be empty.');
  if (rule.kind === 'enum' && !rule.values.includes(value))
    refuse(`It must be one of: ${rule.values.join(', ')}.`);
  if (rule.kind === 'dates' && !isCalendarDay(value)) refuse('It must be a day written as YYYY-MM-DD.');
  if (rule.kind === 'limit') {
    const isInRange = /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= rule.maximum;
    if (!isInRange) refuse(`It must be a number from 1 to ${rule.maximum}.`);
  }
  if (rule.kind === 'cursor' && decodeCursor(value, path) === undefined)
    refuse('It is no cursor of this list.');
}

function isList(rule: ParameterRule): boolean {
  return rule.kind !== 'limit' && rule.kind !== 'cursor';
}

/**
 * Checks the query of a call against the rules of its operation. Throws `AppleRefusal`: 400 for unknown
 * parameters and values, 501 for what Apple has and simulated Apple has not.
 */
export function parseParameters({ pathname, searchParams }: URL, rules: ParameterRules): Parameters {
  const lists = new Map<string, string[]>();
  for (const [name, text] of searchParams) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw parameterIllegal(name);
    if (rule.kind === 'not-simulated') throw parameterNotSimulated(name);
    const values = isList(rule) ? text.split(',') : [text];
    for (const value of values) checkValue(name, value, rule, pathname);
    lists.set(name, [...(isList(rule) ? (lists.get(name) ?? []) : []), ...values]);
  }
  return new Parameters(lists);
}

/** A cursor of the list at a path: opaque to clients, to us the number of entries to skip there. */
export function encodeCursor(offset: number, path: string): string {
  return Buffer.from(`${offset}.${crc32(path).toString(36)}`).toString('base64url');
}

/** The offset of a cursor, or `undefined` for anything that is no cursor of the list at that path. */
export function decodeCursor(cursor: string, path: string): number | undefined {
  const offset = /^\d{1,9}(?=\.)/.exec(Buffer.from(cursor, 'base64url').toString())?.[0];
  return offset !== undefined && encodeCursor(Number(offset), path) === cursor ? Number(offset) : undefined;
}
