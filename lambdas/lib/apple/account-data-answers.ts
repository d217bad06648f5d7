/**
 * Apple's answers to the seven calls of Account Data Transfer and App Data Transfer, as far as they can be told
 * apart. `delay` is the `statusCheckDelay` as it came, of whatever kind; whoever waits decides what to make of it.
 * Every answer carries the `X-Apple-Transaction-Id` of the call that got it.
 */
interface Answer {
  readonly transactionId: string;
}

/** Ids of one instance at Apple; `parentRequestId` only for recurring requests. */
export interface RequestIds {
  readonly parentRequestId?: string | undefined;
  readonly requestId: string;
}

/**
 * `exists`: the duplicate rule, under whatever status; `ids` are all UUIDs of the body beside the named ones.
 * Those may be of the answer itself (a trace, an error) and name no request.
 * `refused`: 400 without any id, 403 without a named one.
 */
export type SubmitAnswer =
  | (Answer & RequestIds & { readonly result: 'created'; readonly delay: unknown })
  | (Answer & {
      readonly result: 'exists';
      readonly status: number;
      readonly parentRequestId: string | undefined;
      readonly requestId: string | undefined;
      readonly ids: readonly string[];
    })
  | (Answer & { readonly result: 'refused'; readonly status: 400 | 403 });

/** `refused`: 400 or 403, whatever its body; `status: "error"` under a 2xx counts as 400. */
export type ResubmitAnswer =
  | (Answer & { readonly result: 'created'; readonly requestId: string; readonly delay: unknown })
  | (Answer & { readonly result: 'refused'; readonly status: 400 | 403 });

export const JOB_STATUSES = [
  'in_progress',
  'completed',
  'completed_with_error',
  'error',
  'cancelled',
  'request_not_found',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/**
 * A 400 has its jobStatus; without one it counts as `request_not_found` where it says so or says nothing. Any other 400,
 * and a jobStatus that is none of Apple's, is an ApiContractError.
 */
export type StatusAnswer = Answer & { readonly jobStatus: JobStatus; readonly delay: unknown };

/**
 * `urls`: Apple's list, possibly empty, strings as they came; they live for 15 minutes from `requestedAt`
 * (milliseconds since 1970, taken before the call). `not-complete`: ask again after `delay`. Any other 400 is an
 * ApiContractError.
 */
export type UrlsAnswer =
  | (Answer & {
      readonly result: 'urls';
      readonly urls: readonly string[];
      readonly requestedAt: number;
      /** The job's state as this answer tells it, where it does. */
      readonly jobStatus?: JobStatus | undefined;
    })
  | (Answer & { readonly result: 'not-complete'; readonly delay: unknown })
  | (Answer & { readonly result: 'not-found' });

/** `refused`: 400, or 200 with `status: "error"`. */
export type CancelAnswer = Answer & { readonly result: 'cancelled' | 'refused' };

/**
 * The calls for one grant. Each rejects with ApiUnavailableError (5xx, network), ApiThrottledError (429), ApiAuthError
 * (401 after one refresh; 403 except where the answer has a `refused`), ApiContractError, HostNotAllowedError, or what
 * the token source rejects with: GrantRefusedError, OAuthClientRefusedError, OAuthRequestError.
 */
export interface AccountDataTransfer {
  submit(mode: 'ONE_TIME' | 'DAILY_30' | 'WEEKLY_180'): Promise<SubmitAnswer>;
  resubmit(latest: { readonly parentRequestId: string; readonly requestId: string }): Promise<ResubmitAnswer>;
  status(ids: RequestIds): Promise<StatusAnswer>;
  downloadUrls(ids: RequestIds): Promise<UrlsAnswer>;
  cancel(id: string): Promise<CancelAnswer>;
}
