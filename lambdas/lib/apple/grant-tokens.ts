import type { Clock } from '../runtime/clock.ts';
import type { OAuthClient } from './oauth.ts';

const RENEWED_BEFORE_MILLISECONDS = 5 * 60 * 1000;

/** What a grant's access tokens are made of. */
export interface GrantCredentials {
  readonly grantId: string;
  readonly refreshToken: string;
}

/** Keeps a refresh token that Apple gave in place of `replaced`; the access token is used only after it resolved. */
export type KeepRefreshToken = (replaced: string, present: string) => Promise<void>;

/** Access tokens of one grant. Both reject with the errors of `OAuthClient.refresh`, or with what keeping rejects with. */
export interface GrantTokenSource {
  /** A token with at least five minutes to live, unless Apple gives shorter ones. */
  token(): Promise<string>;
  /** Another token than the one that Apple refused; one refresh for all that ask at the same time. */
  replacementOf(refused: string): Promise<string>;
}

/** Access tokens of all grants, in memory only. */
export interface GrantTokens {
  of(grant: GrantCredentials, keep: KeepRefreshToken): GrantTokenSource;
}

interface Entry {
  /** Every refresh token of this consent that was seen, the present one last. */
  readonly refreshTokens: string[];
  access: { readonly token: string; readonly usableUntil: number } | undefined;
  refreshing: Promise<string> | undefined;
  /** A refresh token that could not be kept yet: losing it would lose the consent. */
  unkept: { readonly replaced: string; readonly present: string } | undefined;
}

/** Tokens are kept until five minutes before their end and forgotten when the grant has another refresh token. */
export function grantTokens(options: { readonly oauth: OAuthClient; readonly clock: Clock }): GrantTokens {
  const { oauth, clock } = options;
  const entries = new Map<string, Entry>();

  function usable({ access, unkept }: Entry): string | undefined {
    if (access === undefined || unkept !== undefined) return undefined;
    return clock.now() < access.usableUntil ? access.token : undefined;
  }

  function forgetExpired(): void {
    for (const [grantId, entry] of entries) {
      const isIdle = entry.refreshing === undefined && entry.unkept === undefined;
      const isExpired = entry.access !== undefined && entry.access.usableUntil <= clock.now();
      if (isIdle && isExpired) entries.delete(grantId);
    }
  }

  function entryOf({ grantId, refreshToken }: GrantCredentials): Entry {
    const known = entries.get(grantId);
    if (known?.refreshTokens.includes(refreshToken)) return known;
    forgetExpired();
    const created: Entry = {
      refreshTokens: [refreshToken],
      access: undefined,
      refreshing: undefined,
      unkept: undefined,
    };
    entries.set(grantId, created);
    return created;
  }

  async function keepPresent(entry: Entry, keep: KeepRefreshToken): Promise<void> {
    if (entry.unkept === undefined) return;
    await keep(entry.unkept.replaced, entry.unkept.present);
    entry.unkept = undefined;
  }

  async function refresh(entry: Entry, grantId: string, keep: KeepRefreshToken): Promise<string> {
    await keepPresent(entry, keep);
    const kept = usable(entry);
    if (kept !== undefined) return kept;
    const replaced = entry.refreshTokens.at(-1) as string;
    const askedAt = clock.now();
    const answer = await oauth.refresh(replaced, `grant ${grantId}`);
    const usableUntil = askedAt + answer.expiresInSeconds * 1000 - RENEWED_BEFORE_MILLISECONDS;
    entry.access = { token: answer.accessToken, usableUntil };
    const present = answer.refreshToken;
    if (present !== undefined && present !== replaced) {
      entry.refreshTokens.push(present);
      entry.unkept = { replaced, present };
      await keepPresent(entry, keep);
    }
    return answer.accessToken;
  }

  return {
    of(grant, keep) {
      const entry = entryOf(grant);
      const refreshOnce = (): Promise<string> => {
        entry.refreshing ??= refresh(entry, grant.grantId, keep).finally(() => {
          entry.refreshing = undefined;
        });
        return entry.refreshing;
      };
      return {
        async token() {
          return usable(entry) ?? refreshOnce();
        },
        async replacementOf(refused) {
          if (entry.access?.token === refused) entry.access = undefined;
          return usable(entry) ?? refreshOnce();
        },
      };
    },
  };
}
