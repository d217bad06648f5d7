import * as z from 'zod';
import { PayloadContractError } from '../errors.ts';

/** JSON Lines as the tables take them: no space, a newline after each line. */
export function jsonLines(lines: readonly unknown[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/**
 * The lines of an object under a table's prefix, each of the table's shape. Fails with PayloadContractError, which
 * names the key and says `remedy`, when the object holds something else.
 */
export function parseJsonLines<Schema extends z.ZodType>(
  text: string,
  line: Schema,
  from: { readonly key: string; readonly table: string; readonly remedy: string },
): z.output<Schema>[] {
  try {
    return text
      .split('\n')
      .filter((each) => each !== '')
      .map((each) => z.parse(line, JSON.parse(each)));
  } catch (error) {
    throw new PayloadContractError(
      `The object ${from.key} does not hold lines of the ${from.table} table: ${from.remedy}.`,
      { details: { key: from.key }, cause: error },
    );
  }
}
