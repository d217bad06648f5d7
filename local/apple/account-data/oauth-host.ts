import type { Clock } from '../../clock.ts';
import type { StandInResponse } from '../../http.ts';
import { empty, json } from './answers.ts';
import type { Operation } from './calls.ts';
import type { ClientKey } from './client-secret.ts';
import type { Consents } from './consents.ts';
import type { Call, HostBehaviour } from './host.ts';
import { idToken, jsonWebKeys } from './id-tokens.ts';
import type { AccountDataWorld } from './scenario.ts';
import type { Violations } from './violations.ts';

/** What the OAuth host is made of. */
export interface OauthHostParts {
  readonly world: AccountDataWorld;
  readonly clock: Clock;
  readonly consents: Consents;
  readonly key: ClientKey;
  readonly violations: Violations;
}

type OauthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope';

const ROUTES: Readonly<Record<string, Operation>> = {
  'POST /auth/oauth2/v2/token': 'token',
  'POST /auth/oauth2/v2/revoke': 'revoke',
  'GET /auth/oauth2/v2/keys': 'keys',
};

function refused(error: OauthError): StandInResponse {
  return json(400, { error });
}

function formOf({ body }: Pick<Call, 'body'>): URLSearchParams {
  return new URLSearchParams(body.toString('utf8'));
}

/** https://appleid.apple.com as far as no person is at the screen: token, revoke, keys. */
export function oauthHost({ world, clock, consents, key, violations }: OauthHostParts): HostBehaviour {
  /** The checked form, or the refusal of the client. */
  async function checkedForm(call: Call): Promise<URLSearchParams | StandInResponse> {
    const contentType = call.request.headers['content-type'] ?? '';
    if (!/^application\/x-www-form-urlencoded\s*(;|$)/.test(contentType)) {
      violations.add('wrong-content-type', `a form of type '${contentType}'`, call.subject);
      return refused('invalid_request');
    }
    const form = formOf(call);
    const secret = form.get('client_secret');
    const clientId = form.get('client_id');
    if (secret === null || clientId === null) return refused('invalid_request');
    const isKnown = clientId === key.credentials.clientId && (await key.isGoodSecret(secret, clock.now()));
    return isKnown ? form : refused('invalid_client');
  }

  async function token(form: URLSearchParams): Promise<StandInResponse> {
    const grantType = form.get('grant_type');
    if (grantType === null) return refused('invalid_request');
    // Codes come from the consent page, which is not simulated: none is known.
    if (grantType === 'authorization_code')
      return refused(form.has('code') && form.has('redirect_uri') ? 'invalid_grant' : 'invalid_request');
    if (grantType !== 'refresh_token') return refused('unsupported_grant_type');
    const refreshToken = form.get('refresh_token');
    if (refreshToken === null) return refused('invalid_request');
    const person = consents.useRefreshToken(refreshToken);
    if (person === undefined) return refused('invalid_grant');
    const lifetime = world.accessTokenSeconds;
    return json(200, {
      access_token: consents.mintAccessToken(person),
      token_type: 'Bearer',
      expires_in: lifetime,
      ...(world.variants.rotateRefreshTokens ? { refresh_token: consents.rotate(person) } : {}),
      id_token: await idToken(person.subject, key.credentials.clientId, clock.now(), lifetime),
    });
  }

  function revoke(form: URLSearchParams): StandInResponse {
    const given = form.get('token');
    if (given === null) return refused('invalid_request');
    consents.revokeToken(given);
    return empty(200);
  }

  return {
    name: 'oauth',
    describe({ request, url, body }) {
      const operation = ROUTES[`${request.method} ${url.pathname}`];
      const form = formOf({ body });
      const owner = consents.ownerOfToken(form.get('refresh_token') ?? form.get('token') ?? '');
      return { operation, subject: owner === undefined ? {} : { externalId: owner.externalId } };
    },
    async carryOut(call) {
      if (call.operation === undefined) {
        violations.add('unknown-path', `${call.request.method} ${call.url.pathname}`, call.subject);
        return { answer: empty(404) };
      }
      if (call.operation === 'keys') return { answer: json(200, await jsonWebKeys()) };
      const form = await checkedForm(call);
      if (!(form instanceof URLSearchParams)) return { answer: form };
      return { answer: call.operation === 'token' ? await token(form) : revoke(form) };
    },
  };
}
