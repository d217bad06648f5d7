import type { AccountDataTransfer } from '../../lambdas/lib/apple/account-data-answers.ts';
import {
  type AccountDataTransferOptions,
  accountDataTransfer,
} from '../../lambdas/lib/apple/account-data-transfer.ts';
import type { GrantTokenSource } from '../../lambdas/lib/apple/grant-tokens.ts';
import { undiciTransport } from '../../lambdas/lib/apple/transport.ts';
import type { Log } from '../../lambdas/lib/runtime/log.ts';
import {
  type LogLine,
  RecordingClock,
  type ScriptedServer,
  START,
} from './app-store-connect-scripted-server.ts';

/** Ids as Apple's samples write them. */
export const PARENT = 'EABD06C0-1B2C-4D3E-8F40-0123456789AB';
export const REQUEST = '7BBBD45D-1B2C-4D3E-8F40-0123456789AB';
export const RECURRING = { parentRequestId: PARENT, requestId: REQUEST };

/** The form of a transaction id. */
export const UPPER_CASE_UUID = /^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$/;

/** Every call of the client, by name, with its method and path. */
export const CALLS = {
  submit: (client) => client.submit('DAILY_30'),
  resubmit: (client) => client.resubmit(RECURRING),
  'one-time status': (client) => client.status({ requestId: REQUEST }),
  'recurring status': (client) => client.status(RECURRING),
  'one-time download URLs': (client) => client.downloadUrls({ requestId: REQUEST }),
  'recurring download URLs': (client) => client.downloadUrls(RECURRING),
  cancel: (client) => client.cancel(PARENT),
} as const satisfies Record<string, (client: AccountDataTransfer) => Promise<unknown>>;

export type CallName = keyof typeof CALLS;
export const CALL_NAMES = Object.keys(CALLS) as CallName[];
export const POSTS: readonly CallName[] = ['submit', 'resubmit', 'cancel'];
export const GETS: readonly CallName[] = CALL_NAMES.filter((name) => !POSTS.includes(name));

export interface ScriptedClient {
  readonly client: AccountDataTransfer;
  readonly clock: RecordingClock;
  readonly log: LogLine[];
  /** Tokens that were replaced. */
  readonly refused: readonly string[];
}

/** A client of the scripted server with a virtual clock, and access tokens that are numbered. */
export function scriptedClient(
  server: ScriptedServer,
  overrides: Partial<AccountDataTransferOptions> = {},
): ScriptedClient {
  const clock = new RecordingClock(START);
  const lines: LogLine[] = [];
  const write = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    lines.push({ level, message, fields });
  };
  const log: Log = { info: write('info'), warn: write('warn'), error: write('error') };
  const refused: string[] = [];
  const tokens: GrantTokenSource = {
    token: async () => `t0ken-${refused.length}`,
    replacementOf: async (token) => {
      refused.push(token);
      return `t0ken-${refused.length}`;
    },
  };
  const client = accountDataTransfer({
    service: 'account-data',
    baseUrl: server.origin,
    trustedOrigins: [server.origin],
    subject: 'grant 1',
    transport: undiciTransport(),
    tokens,
    clock,
    log,
    random: () => 0.5,
    ...overrides,
  });
  return { client, clock, log: lines, refused };
}
