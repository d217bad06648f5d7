import { z } from 'zod';

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

/** Scheme, host and port of a server, and nothing behind them. */
export const origin = z
  .string()
  .refine(isOrigin, 'must be an origin such as https://host or https://host:8443');
