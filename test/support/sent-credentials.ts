import type { TransportRequest } from '../../lambdas/lib/apple/transport.ts';

const TOKEN_FIELDS = ['client_secret', 'refresh_token', 'token'];

/** Every credential that a request carries: its bearer, the query of its URL, the fields of a token call. */
export function sentCredentials({ headers, url, body }: TransportRequest): readonly string[] {
  const bearer = headers.authorization?.replace(/^Bearer /, '');
  const isForm = headers['content-type'] === 'application/x-www-form-urlencoded';
  const form = new URLSearchParams(isForm ? body : '');
  const fields = TOKEN_FIELDS.flatMap((field) => form.getAll(field));
  return [bearer ?? '', url.search, ...fields].filter((text) => text !== '');
}
