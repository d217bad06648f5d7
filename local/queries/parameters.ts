import { QueryParametersError } from './errors.ts';
import type { QueryFile } from './query-files.ts';

/**
 * The values of a query's parameters: the given ones in order, then the defaults of the header. `count` is how many
 * `?` the statement has. Throws QueryParametersError.
 */
export function parameterValues(
  { name, header }: QueryFile,
  count: number,
  given: readonly string[],
): readonly string[] {
  const parameters = header?.parameters ?? [];
  const list = parameters.map((parameter) => `${parameter.name} (${parameter.type})`).join(', ');
  if (given.length > count) {
    throw new QueryParametersError(
      `${name} has ${count} parameters${list === '' ? '' : `, ${list}`}, but ${given.length} values were given: give --param at most ${count} times`,
    );
  }
  return Array.from({ length: count }, (_, index) => {
    const value = given[index] ?? parameters[index]?.defaultValue;
    if (value === undefined) {
      throw new QueryParametersError(
        `parameter ${index + 1} of ${count} of ${name} has neither a value nor a default: give --param ${count} times`,
      );
    }
    return value;
  });
}
