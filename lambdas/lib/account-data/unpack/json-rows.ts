import { jsonParser, type Token } from 'stream-json/parser.js';
import { JsonRowBuilder } from './json-row-builder.ts';
import { TableUnreadable } from './refusals.ts';
import type { TableRow } from './table-row.ts';

/** Behind the last character: ends a number, and makes the parser look at a word that was cut. */
const END = '\n'.repeat(32);
/** Given to the parser at once. */
const SLICE_CHARACTERS = 16_384;

interface Tokens {
  readonly values: readonly Token[];
}

function hasTokens(result: unknown): result is Tokens {
  return typeof result === 'object' && result !== null && 'values' in result;
}

/**
 * The rows of JSON text. Of a document: the elements of an array; of an object the elements of each of its arrays of
 * objects, with the array's name in `_list`, and what is left of it as one more row. Of lines: each value is a row.
 * A row's fields are the members of its object, or `value` for anything else; nested values stay JSON, numbers keep
 * the characters that they came in. Fails with TableUnreadable, or with what the text fails with.
 */
export async function* jsonRows(
  text: AsyncIterable<string>,
  kind: 'document' | 'lines',
): AsyncGenerator<readonly TableRow[]> {
  const parse = jsonParser({
    packValues: false,
    streamValues: true,
    jsonStreaming: kind === 'lines',
  }) as unknown as (text: string) => unknown;
  const builder = new JsonRowBuilder(kind);

  function rowsOf(slice: string): readonly TableRow[] {
    let result: unknown;
    try {
      result = parse(slice);
    } catch {
      throw new TableUnreadable('broken-json');
    }
    if (hasTokens(result)) for (const token of result.values) builder.take(token);
    return builder.takeRows();
  }

  for await (const chunk of text) {
    for (let start = 0; start < chunk.length; start += SLICE_CHARACTERS) {
      yield rowsOf(chunk.slice(start, start + SLICE_CHARACTERS));
    }
  }
  yield rowsOf(END);
  builder.assertWhole();
}
