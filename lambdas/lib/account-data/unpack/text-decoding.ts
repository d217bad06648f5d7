import { TableUnreadable } from './refusals.ts';

/** Encodings of tables, as TextDecoder calls them. */
export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** The encoding that a byte order mark tells, and UTF-8 without one. */
export function markedEncoding(head: Buffer): {
  readonly encoding: TextEncoding;
  readonly isMarked: boolean;
} {
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: 'utf-16le', isMarked: true };
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: 'utf-16be', isMarked: true };
  return { encoding: 'utf-8', isMarked: head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf };
}

/** The text of the first bytes of a member, whatever of it can be read; without its byte order mark. */
export function previewText(head: Buffer, encoding: TextEncoding): string {
  return new TextDecoder(encoding).decode(head, { stream: true });
}

/**
 * Decodes a stream, without its byte order mark.
 * Fails with TableUnreadable (`not-text`) at the first bytes that the encoding does not know.
 */
export async function* decodeText(
  content: AsyncIterable<Buffer>,
  encoding: TextEncoding,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (chunk: Buffer | undefined): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw new TableUnreadable('not-text');
    }
  };
  for await (const chunk of content) yield decode(chunk);
  yield decode(undefined);
}
