import * as z from 'zod';
import { type AnswerBody, type BodyKind, bodyKind } from './answer-body.ts';
import { redact, redactValue } from './redact.ts';

const text = z.union([z.string(), z.number().transform(String)]).catch('');
const optionalText = z.string().optional().catch(undefined);

const entry = z.object({
  status: text,
  code: text,
  title: text,
  detail: optionalText,
  id: optionalText,
  source: z.object({ pointer: optionalText, parameter: optionalText }).optional().catch(undefined),
  links: z.object({ see: optionalText }).optional().catch(undefined),
  meta: z.unknown().optional(),
});

/** One entry of Apple's `errors[]`; fields that Apple left out are absent. */
export type ErrorEntry = z.infer<typeof entry>;

const errorDocument = z.object({ errors: z.array(entry) });

/** What an error answer says about itself, redacted. */
export interface ErrorDocument {
  readonly kind: BodyKind;
  /** Whether it is the errors document of Apple's application, as far as it could be read; nothing in between sends one. */
  readonly isApples: boolean;
  readonly errors: readonly ErrorEntry[];
  /** Ids that Apple's support asks for, by header name, and the key from an HTML page as `correlationKey`. */
  readonly correlation: Readonly<Record<string, string>>;
}

const CORRELATION_HEADERS = ['x-request-id', 'x-apple-jingle-correlation-key', 'requestid'] as const;

function entriesOf(body: string): readonly ErrorEntry[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.replace(/^\uFEFF/, '')) as unknown;
  } catch {
    return undefined;
  }
  const result = errorDocument.safeParse(redactValue(parsed));
  return result.success ? result.data.errors : undefined;
}

/** Reads an error answer of any shape; never throws. */
export function readErrorDocument(
  headers: Readonly<Record<string, string>>,
  body: AnswerBody,
): ErrorDocument {
  const correlation: Record<string, string> = {};
  for (const name of CORRELATION_HEADERS) {
    const value = headers[name];
    if (value !== undefined) correlation[name] = redact(value);
  }
  const kind = bodyKind(body.text, headers['content-type']);
  const key = /Correlation Key:?\s*(?:<[^>]*>\s*)*([A-Z2-7]{26})\b/i.exec(body.text)?.[1];
  if (key !== undefined) correlation.correlationKey = key;
  const errors = kind === 'json' ? entriesOf(body.text) : undefined;
  // Gateways answer in a few words: JSON that is too long to be read is Apple's.
  const isApples = errors !== undefined || (kind === 'json' && !body.complete);
  return { kind, isApples, errors: errors ?? [], correlation };
}
