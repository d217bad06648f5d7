import { createPrivateKey, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { SecretFormatError } from '../errors.ts';

const secretDocument = z.object({
  privateKey: z.string().min(1),
  keyId: z.string().trim().min(1),
  issuerId: z.string().trim().min(1).optional(),
});

/** What a secret holds from its deployment until an operator puts Apple's values in: empty texts (decision 010). */
const placeholder = z.object({ privateKey: z.literal(''), keyId: z.literal('') });

/** A key of App Store Connect; without `issuerId` it is an individual key. */
export interface AppleKey {
  readonly privateKey: KeyObject;
  readonly keyId: string;
  readonly issuerId: string | undefined;
}

/** `team`: with an issuer id; `individual`: without. */
export type KeyKind = 'team' | 'individual';

const SHAPES = {
  team: '{"privateKey": "<content of the .p8 file>", "keyId": "...", "issuerId": "..."}',
  individual: '{"privateKey": "<content of the .p8 file>", "keyId": "..."}',
} as const;

/** Parses a secret's JSON text; `refuse` says what is wrong with it. */
export function parseSecretJson(text: string, refuse: (why: string) => never): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's message quotes the text, which may be the key itself.
    return refuse('is not JSON');
  }
}

/** Reads a P-256 key as Apple issues them (PKCS#8 PEM); `refuse` says what is wrong with it. */
export function parsePrivateKey(pem: string, refuse: (why: string) => never): KeyObject {
  if (!pem.includes('-----BEGIN PRIVATE KEY-----')) {
    return refuse('has a privateKey that is not a PKCS#8 PEM block (-----BEGIN PRIVATE KEY-----)');
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    return refuse('has a privateKey that cannot be read; line breaks must stand in the JSON as \\n');
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    return refuse('has a privateKey that is not an elliptic-curve key on P-256, as Apple issues them');
  }
  return key;
}

function refuseOtherKind(kind: KeyKind, issuerId: string | undefined, refuse: (why: string) => never): void {
  if (kind === 'team' && issuerId === undefined) {
    refuse('has no issuerId, which the team key that the account is configured with needs');
  }
  if (kind === 'individual' && issuerId !== undefined) {
    refuse('has an issuerId, although the account is configured with an individual key, which has none');
  }
}

/**
 * Reads `{ privateKey, keyId, issuerId? }` out of a secret's text. `describe` names the secret for the operator;
 * `kind` is the kind of key that it must hold, either one when left out.
 * Throws `SecretFormatError` for any other shape, without quoting a single character of it.
 */
export function parseSecret(text: string, describe: string, kind?: KeyKind): AppleKey {
  const refuse = (why: string): never => {
    throw new SecretFormatError(
      `The secret with the ${describe} ${why}. Put ${SHAPES[kind ?? 'team']} there.`,
    );
  };
  const document = parseSecretJson(text, refuse);
  if (placeholder.safeParse(document).success) refuse('still holds its placeholder');
  const parsed = secretDocument.safeParse(document);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole document');
    return refuse(`lacks a usable value: ${[...new Set(fields)].join(', ')}`);
  }
  const { privateKey, keyId, issuerId } = parsed.data;
  if (kind !== undefined) refuseOtherKind(kind, issuerId, refuse);
  return { privateKey: parsePrivateKey(privateKey, refuse), keyId, issuerId };
}
