import { expressionIn } from './jsonata-expressions.ts';
import type { Problems } from './validate-problems.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Reports every field that is not among `known`, and a Comment that is no text. */
export function checkUnknownFields(
  problems: Problems,
  fields: Fields,
  known: readonly string[],
  path: string,
): void {
  for (const name of Object.keys(fields)) {
    if (!known.includes(name)) problems.schema(`Field '${name}' is not supported`, path === '' ? '/' : path);
  }
  if (known.includes('Comment'))
    checkText(problems, fields, 'Comment', path, { expression: true, missing: true });
}

/** Reports a field that is there but no whole number within the bounds. */
export function checkInteger(
  problems: Problems,
  fields: Fields,
  name: string,
  bounds: { readonly min: number; readonly max: number },
  path: string,
): void {
  const value = fields[name];
  if (value === undefined) return;
  if (!Number.isInteger(value) || Number(value) < bounds.min || Number(value) > bounds.max) {
    problems.schema(`Expected an integer between ${bounds.min} and ${bounds.max}`, `${path}/${name}`);
  }
}

/** Reports a field that is there but neither an expression nor a whole number within the bounds. */
export function checkIntegerOrExpression(
  problems: Problems,
  fields: Fields,
  name: string,
  bounds: { readonly min: number; readonly max: number },
  path: string,
): void {
  if (expressionIn(fields[name]) === undefined) checkInteger(problems, fields, name, bounds, path);
}

/** Reports a field that is missing or no text; `{% %}` is text only where expressions are allowed. */
export function checkText(
  problems: Problems,
  fields: Fields,
  name: string,
  path: string,
  allow: { readonly expression?: boolean; readonly missing?: boolean } = {},
): void {
  const value = fields[name];
  if (value === undefined) {
    if (allow.missing !== true) problems.schema(`The field '${name}' is required but was missing`, path);
    return;
  }
  if (typeof value !== 'string') problems.schema('Expected value of type [STRING]', `${path}/${name}`);
  else if (allow.expression !== true && expressionIn(value) !== undefined) {
    problems.schema('A JSONata expression is not supported in this field', `${path}/${name}`);
  }
}

/** Reports a field that is there but not one of the values. */
export function checkOneOf(
  problems: Problems,
  fields: Fields,
  name: string,
  values: readonly string[],
  path: string,
): void {
  const value = fields[name];
  if (value !== undefined && !values.includes(String(value))) {
    problems.schema(`Value should be one of the following: [${values.join(', ')}]`, `${path}/${name}`);
  }
}
