import { createHash } from 'node:crypto';
import type { Expression } from 'jsonata';
import { parseJsonText } from './jsonata-parse.ts';
import { javaRandomDouble, uuidFrom } from './random.ts';

/** Where the functions that change from call to call take their values from. */
export interface FunctionSources {
  /** Milliseconds since 1970. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /** JSONata's own date formatting, which `$now` shares with `$fromMillis`. */
  formatMillis(millis: number, picture?: string, timezone?: string): Promise<unknown>;
}

/** A fault in the library's own form: it writes the message from the code and these members. */
class JsonataFault extends Error {
  readonly code: string;
  readonly index: number | undefined;
  readonly token: string | undefined;

  constructor(code: string, parts: { index?: number; token?: string; value?: string }) {
    super(parts.value ?? code);
    this.code = code;
    this.index = parts.index;
    this.token = parts.token;
  }
}

function rejectSurplus(name: string, given: readonly unknown[], most: number): void {
  if (given.length > most) throw new JsonataFault('T0410', { index: most + 1, token: name });
}

function requireType(name: string, value: unknown, index: number, type: 'string' | 'number'): void {
  if (typeof value !== type) throw new JsonataFault('T0410', { index, token: name });
}

const HASH_ALGORITHMS: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

function hash(...given: unknown[]): string | undefined {
  rejectSurplus('hash', given, 2);
  const [text, algorithm] = given;
  if (given.length === 0) throw new JsonataFault('T0410', { index: 1, token: 'hash' });
  if (text === undefined) return undefined;
  requireType('hash', text, 1, 'string');
  if (given.length === 1) return undefined;
  if (algorithm !== undefined) requireType('hash', algorithm, 2, 'string');
  const name = HASH_ALGORITHMS[String(algorithm)];
  if (name === undefined) {
    throw new JsonataFault('D3137', {
      value: `Hash algorithm '${String(algorithm)}' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5`,
    });
  }
  return createHash(name).update(String(text), 'utf8').digest('hex');
}

function partition(...given: unknown[]): unknown[][] | undefined {
  rejectSurplus('partition', given, 2);
  const [items, size] = given;
  if (items === undefined) return undefined;
  if (!Array.isArray(items)) throw new JsonataFault('T0412', { index: 1, token: 'partition' });
  if (size === undefined) return [items];
  requireType('partition', size, 2, 'number');
  const whole = Math.trunc(Number(size));
  if (whole < 0) throw new JsonataFault('D3137', { value: 'Second argument must be zero or greater' });
  if (whole === 0 || items.length === 0) return undefined;
  return Array.from({ length: Math.ceil(items.length / whole) }, (_, index) =>
    items.slice(index * whole, (index + 1) * whole),
  );
}

/** JSONata's own takes its order from the machine, so that no seeded run could be repeated. */
function shuffled(items: readonly unknown[] | undefined, sources: FunctionSources): unknown[] | undefined {
  if (items === undefined) return undefined;
  const rest = [...items];
  return items.flatMap(() => rest.splice(Math.floor(sources.random() * rest.length), 1));
}

/** The most numbers one `$range` may give on AWS (measured there by others; see docs/asl-runner.md). */
const RANGE_LIMIT = 360_145;

function range(...given: unknown[]): number[] | number | undefined {
  rejectSurplus('range', given, 3);
  if (given.length < 2) throw new JsonataFault('T0410', { index: given.length + 1, token: 'range' });
  if (given.length < 3 || given.includes(undefined)) return undefined;
  for (const [index, value] of given.entries()) requireType('range', value, index + 1, 'number');
  const [first = 0, last = 0, step = 0] = given.map((value) => Math.trunc(Number(value)));
  if (step === 0) return undefined;
  const count = Math.floor((last - first) / step) + 1;
  if (count > RANGE_LIMIT) throw new Error(MEMORY_LIMIT_MESSAGE);
  if (count < 1) return undefined;
  if (count === 1) return first;
  return Array.from({ length: count }, (_, index) => first + index * step);
}

function parse(...given: unknown[]): unknown {
  rejectSurplus('parse', given, 1);
  const [text] = given;
  if (text === undefined) return undefined;
  requireType('parse', text, 1, 'string');
  try {
    return parseJsonText(String(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new JsonataFault('D3137', { value: `Invalid JSON: ${error.message}` });
  }
}

/** What AWS says when an expression builds more than it may hold. */
export const MEMORY_LIMIT_MESSAGE =
  'Expression evaluation memory limit exceeded: Check for excessive memory usage';

/**
 * Gives a compiled expression the functions that Step Functions adds ($partition, $range, $hash, $random, $uuid,
 * $parse), takes away the one it refuses ($eval), and binds $now, $millis and $shuffle to the runner's clock and
 * random numbers.
 */
export function registerStepFunctionsFunctions(expression: Expression, sources: FunctionSources): void {
  expression.assign('eval', undefined);
  expression.registerFunction('partition', partition);
  expression.registerFunction('range', range);
  expression.registerFunction('hash', hash);
  expression.registerFunction('parse', parse);
  expression.registerFunction('uuid', (...given: unknown[]) => {
    rejectSurplus('uuid', given, 0);
    return uuidFrom(() => sources.random());
  });
  expression.registerFunction('random', (...given: unknown[]) => {
    rejectSurplus('random', given, 1);
    const [seed] = given;
    if (seed === undefined) return sources.random();
    requireType('random', seed, 1, 'number');
    return javaRandomDouble(Number(seed));
  });
  expression.registerFunction('shuffle', (items?: unknown[]) => shuffled(items, sources), '<a:a>');
  expression.registerFunction('millis', () => sources.now(), '<:n>');
  expression.registerFunction(
    'now',
    (picture?: string, timezone?: string) => sources.formatMillis(sources.now(), picture, timezone),
    '<s?s?:s>',
  );
}
