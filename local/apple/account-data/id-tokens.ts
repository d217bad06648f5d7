import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { base32Of } from '../random.ts';

const ISSUER = 'https://appleid.apple.com';
const KEY_ID = base32Of(10, 'id_token key');

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

let pair: Promise<Pair> | undefined;

/** Made once per process: an RSA pair costs more than a whole small world. */
function keyPair(): Promise<Pair> {
  pair ??= generateKeyPair('RS256', { extractable: true });
  return pair;
}

/** The public keys as JWKSet. */
export async function jsonWebKeys(): Promise<{ keys: JWK[] }> {
  const { publicKey } = await keyPair();
  return { keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', kid: KEY_ID, use: 'sig' }] };
}

/** An id_token for a person; `now` in milliseconds. */
export async function idToken(
  subject: string,
  clientId: string,
  now: number,
  lifetimeSeconds: number,
): Promise<string> {
  const seconds = Math.floor(now / 1000);
  const claims = { iss: ISSUER, aud: clientId, sub: subject, iat: seconds, exp: seconds + lifetimeSeconds };
  const { privateKey } = await keyPair();
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: KEY_ID }).sign(privateKey);
}
