/** What the functions of account data count, and what an alarm says about it: one alarm and one runbook heading each. */
export const ACCOUNT_DATA_METRICS = {
  AccountDataCallsStopped:
    'Apple refuses our own OAuth client, or too many grants at once: no grant is used until it is repaired.',
  GrantsRefused:
    'Apple refused the refresh token of a grant; a second refusal a day later counts as revoked.',
  GrantsRevoked: 'A grant was refused again a day later: its person has withdrawn the consent.',
  GrantsNeedAttention: 'Apple refused calls of a grant for a reason that a person has to look at.',
  StatusDelaysCapped: 'Apple asked to wait longer than 48 hours; the status is checked every 48 hours.',
  RequestsTookTooLong: 'Apple had not completed a request after 14 days; it was cancelled.',
  RequestsWaitedOut:
    'Apple holds an older request against a new one; nothing is submitted for the grant until it has run out.',
  RequestsFailed: 'Apple ended a request with an error.',
  RequestsNotFound: 'Apple does not know a request that it had created.',
  RequestsExpired: 'A completed request was not fetched within the three days that Apple keeps it.',
  RequestsCancelledByApple: 'Apple cancelled a request that nobody here cancelled.',
  SeriesEndedEarly: 'Apple refused the next instance of a series before its term.',
  FetchesLate: 'A completed request is not fetched 12 hours after its completion was seen.',
  FetchWindowsClosing: 'A completed request has less than 24 hours left to be fetched.',
  ArchivesMissing: 'Apple listed no archives, or fewer than it had listed, for a completed request.',
  ArchivesTooLarge: 'An archive could not pass within the life of its URL.',
  AssetHostsRefused: 'An archive lies on a host that is not admitted; the log names the host.',
  ArchivesNotReadable: 'An archive could not be unpacked whole; it is kept as Apple sent it.',
  UnpackingsFailed: 'The archives of an instance could not be unpacked because of a fault of ours.',
} as const satisfies Readonly<Record<string, string>>;

export type AccountDataMetric = keyof typeof ACCOUNT_DATA_METRICS;
