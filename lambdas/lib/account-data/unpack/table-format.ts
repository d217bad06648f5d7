import { markedEncoding, previewText, type TextEncoding } from './text-decoding.ts';

/** How a member is read as a table; the encodings are tried one after the other. */
export type TableFormat =
  | { readonly kind: 'delimited'; readonly encodings: readonly TextEncoding[]; readonly delimiter: string }
  /** One document, or one value after the other. */
  | { readonly kind: 'document' | 'lines'; readonly encodings: readonly TextEncoding[] };

/** Bytes of the beginning that decide. */
export const HEAD_BYTES = 65_536;

const DELIMITED = new Set(['csv', 'tsv', 'tab']);
const JSON_LINES = new Set(['jsonl', 'ndjson']);
/** Of members without an extension that says anything. */
const SILENT = new Set(['', 'txt']);
const DELIMITERS = [',', '\t', ';', '|'] as const;

function extensionOf(member: string): string {
  return /\.([^./]*)$/.exec(member)?.[1]?.toLowerCase() ?? '';
}

/** How often each candidate stands in the first line outside of quotes decides; none at all is a single column. */
function delimiterOf(text: string, extension: string): string {
  const counts = new Map<string, number>();
  let isQuoted = false;
  for (const character of text) {
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (character === '\n' || character === '\r')) break;
    else if (!isQuoted) counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  const countOf = (delimiter: string) => counts.get(delimiter) ?? 0;
  if (extension !== 'csv' && countOf('\t') > 0) return '\t';
  return DELIMITERS.reduce((best, candidate) => (countOf(candidate) > countOf(best) ? candidate : best));
}

function isObjectText(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** A line that is a whole object with something behind it: the document would have ended. */
function isLines(text: string): boolean {
  const [first = '', ...rest] = text.trimStart().split('\n');
  return rest.some((line) => line.trim() !== '') && isObjectText(first.trim());
}

/** Spreadsheets write their tables in the encoding of their system; JSON is UTF-8 by its own rules. */
function delimitedEncodings({
  encoding,
  isMarked,
}: ReturnType<typeof markedEncoding>): readonly TextEncoding[] {
  return encoding === 'utf-8' && !isMarked ? ['utf-8', 'windows-1252'] : [encoding];
}

/**
 * How a member is read, by its extension and its first bytes; `file` for what is no table, `not-text` for what is
 * called a table and begins with bytes of something else. The extension names the format, the content its dialect:
 * encoding, delimiter, one document or many. Without an extension, or with `.txt`, what begins as JSON is JSON.
 */
export function tableFormat(member: string, head: Buffer): TableFormat | 'file' | 'not-text' {
  const extension = extensionOf(member);
  const isTable = DELIMITED.has(extension) || JSON_LINES.has(extension) || extension === 'json';
  if (head.length === 0 || !(isTable || SILENT.has(extension))) return 'file';
  const marked = markedEncoding(head);
  const { encoding } = marked;
  if (encoding === 'utf-8' && head.includes(0)) return isTable ? 'not-text' : 'file';
  const text = previewText(head, encoding);
  if (DELIMITED.has(extension)) {
    return {
      kind: 'delimited',
      encodings: delimitedEncodings(marked),
      delimiter: delimiterOf(text, extension),
    };
  }
  if (JSON_LINES.has(extension)) return { kind: 'lines', encodings: [encoding] };
  if (extension === 'json' || (/^\s*[[{]/.test(text) && !text.includes('\ufffd'))) {
    return { kind: isLines(text) ? 'lines' : 'document', encodings: [encoding] };
  }
  return 'file';
}
