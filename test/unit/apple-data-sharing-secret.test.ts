import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseDataSharingSecret } from '../../lambdas/lib/apple/data-sharing-secret.ts';
import { SecretFormatError } from '../../lambdas/lib/errors.ts';

function pemOf(namedCurve: string, type: 'pkcs8' | 'sec1' = 'pkcs8'): string {
  return generateKeyPairSync('ec', { namedCurve }).privateKey.export({ format: 'pem', type }).toString();
}
const PEM = pemOf('P-256');
const secretOf = (fields: Record<string, unknown> = {}) =>
  JSON.stringify({
    privateKey: PEM,
    keyId: 'KEYID12345',
    teamId: 'TEAM123456',
    clientId: 'c0m.client',
    ...fields,
  });

describe('the data sharing secret', () => {
  test('gives key, key id, team and client, without white space around the ids', () => {
    const key = parseDataSharingSecret(secretOf({ keyId: ' KEYID12345\n' }));

    expect(key).toMatchObject({ keyId: 'KEYID12345', teamId: 'TEAM123456', clientId: 'c0m.client' });
    expect(key.privateKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
  });

  test.each([
    ['text that is no JSON', 'S3CR3T', 'is not JSON'],
    ['the bare key file', PEM, 'is not JSON'],
    ['a JSON string', '"S3CR3T"', 'the whole document'],
    ['no key id', secretOf({ keyId: undefined }), 'keyId'],
    ['an empty team id', secretOf({ teamId: ' ' }), 'teamId'],
    ['no client id', secretOf({ clientId: undefined }), 'clientId'],
    ['no private key', secretOf({ privateKey: undefined }), 'privateKey'],
    ['the placeholder', '{"privateKey":"","keyId":"","teamId":"","clientId":""}', 'placeholder'],
    ['a SEC1 key', secretOf({ privateKey: pemOf('P-256', 'sec1') }), 'PKCS#8'],
    ['escaped line breaks', secretOf({ privateKey: PEM.replaceAll('\n', '\\n') }), 'cannot be read'],
    ['a P-384 key', secretOf({ privateKey: pemOf('P-384') }), 'P-256'],
  ])('with %s is SecretFormatError, which quotes nothing of it', (_what, text, reason) => {
    let message = '';
    try {
      parseDataSharingSecret(text);
    } catch (error) {
      expect(error).toBeInstanceOf(SecretFormatError);
      message = (error as Error).message;
    }

    expect(message).toContain(reason);
    expect(message).toContain('"clientId"');
    expect(message).not.toMatch(/S3CR3T|MIG|KEYID12345|TEAM123456|c0m/);
  });
});
