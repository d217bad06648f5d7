import { createPrivateKey, createPublicKey } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, exportPKCS8, generateKeyPair } from 'jose';
import { base32Of } from '../random.ts';
import type { DataSharingCredentials } from './simulated-account-data.ts';

const AUDIENCE = 'https://appleid.apple.com';
const LONGEST_LIFETIME_SECONDS = 15_777_000;
/** Clocks of well-behaved callers round up and drift a little. */
const TOLERANCE_SECONDS = 5;

/** The Account & Organizational Data Sharing key of the client, and what is signed with it. */
export class ClientKey {
  readonly credentials: DataSharingCredentials;
  readonly #publicKey: ReturnType<typeof createPublicKey>;
  #isRevoked = false;

  private constructor(credentials: DataSharingCredentials) {
    this.credentials = credentials;
    this.#publicKey = createPublicKey(createPrivateKey(credentials.clientPrivateKeyPem));
  }

  /** A key with a new pair, or the given private key (PKCS#8 PEM). */
  static async make(seed: number, privateKeyPem?: string): Promise<ClientKey> {
    const made = async () => (await generateKeyPair('ES256', { extractable: true })).privateKey;
    return new ClientKey({
      teamId: base32Of(10, seed, 'team'),
      clientId: 'com.example.account-data',
      clientKeyId: base32Of(10, seed, 'client key'),
      clientPrivateKeyPem: privateKeyPem ?? (await exportPKCS8(await made())),
    });
  }

  revoke(): void {
    this.#isRevoked = true;
  }

  /** Whether a client secret is good now (milliseconds): algorithm, key, issuer, audience, subject, times, signature. */
  async isGoodSecret(secret: string, now: number): Promise<boolean> {
    const { teamId, clientId, clientKeyId } = this.credentials;
    try {
      const { alg, kid } = decodeProtectedHeader(secret);
      if (this.#isRevoked || alg !== 'ES256' || kid !== clientKeyId) return false;
      const { payload } = await compactVerify(secret, this.#publicKey, { algorithms: ['ES256'] });
      const { iss, aud, sub, iat, exp } = JSON.parse(new TextDecoder().decode(payload)) as Record<
        string,
        unknown
      >;
      if (iss !== teamId || aud !== AUDIENCE || sub !== clientId) return false;
      return areGoodTimes(iat, exp, now / 1000);
    } catch {
      // Whatever cannot be read as a signed token is none.
      return false;
    }
  }
}

function areGoodTimes(iat: unknown, exp: unknown, now: number): boolean {
  if (typeof iat !== 'number' || typeof exp !== 'number') return false;
  return iat <= now + TOLERANCE_SECONDS && exp > now && exp <= now + LONGEST_LIFETIME_SECONDS;
}
