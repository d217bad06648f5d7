import { SignJWT } from 'jose';
import type { DataSharingKey } from './data-sharing-secret.ts';

/** What Apple expects as audience, whatever the base URL that is called. */
const AUDIENCE = 'https://appleid.apple.com';
const BACKDATED_SECONDS = 30;
const LIFETIME_SECONDS = 5 * 60;

/**
 * The client secret of one OAuth call: an ES256 JWT of the key's team for its client, good for five minutes from
 * `nowMilliseconds` on and issued half a minute before, so that a clock a little ahead of Apple's does no harm.
 */
export function clientSecret(key: DataSharingKey, nowMilliseconds: number): Promise<string> {
  const now = Math.floor(nowMilliseconds / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: key.keyId })
    .setIssuer(key.teamId)
    .setIssuedAt(now - BACKDATED_SECONDS)
    .setExpirationTime(now + LIFETIME_SECONDS)
    .setAudience(AUDIENCE)
    .setSubject(key.clientId)
    .sign(key.privateKey);
}
