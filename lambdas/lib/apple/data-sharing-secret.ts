import type { KeyObject } from 'node:crypto';
import * as z from 'zod';
import { SecretFormatError } from '../errors.ts';
import { parsePrivateKey, parseSecretJson } from './secret.ts';

const text = z.string().trim().min(1);
const secretDocument = z.object({ privateKey: z.string().min(1), keyId: text, teamId: text, clientId: text });

/** What the secret holds from its deployment until an operator puts Apple's values in: empty texts (decision 010). */
const placeholder = z.object({ privateKey: z.literal(''), keyId: z.literal('') });

/** A key of Account & Organizational Data Sharing with the client that it signs for. */
export interface DataSharingKey {
  readonly privateKey: KeyObject;
  readonly keyId: string;
  readonly teamId: string;
  /** App ID or Services ID without the team id in front; Apple minds its case. */
  readonly clientId: string;
}

const SHAPE =
  '{"privateKey": "<content of the .p8 file>", "keyId": "...", "teamId": "...", "clientId": "..."}';

/**
 * Reads `{ privateKey, keyId, teamId, clientId }` out of a secret's text.
 * Throws `SecretFormatError` for any other shape, without quoting a single character of it.
 */
export function parseDataSharingSecret(secretText: string): DataSharingKey {
  const refuse = (why: string): never => {
    throw new SecretFormatError(`The secret with the data sharing key ${why}. Put ${SHAPE} there.`);
  };
  const document = parseSecretJson(secretText, refuse);
  if (placeholder.safeParse(document).success) refuse('still holds its placeholder');
  const parsed = secretDocument.safeParse(document);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole document');
    return refuse(`lacks a usable value: ${[...new Set(fields)].join(', ')}`);
  }
  const { privateKey, ...ids } = parsed.data;
  return { privateKey: parsePrivateKey(privateKey, refuse), ...ids };
}
