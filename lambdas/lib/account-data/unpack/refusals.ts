/**
 * Why an archive is not unpacked. All of it is decided by its size and its central directory, before anything of it
 * is written; the archive stays as Apple sent it.
 */
export const ARCHIVE_REFUSALS = [
  /** No end of a central directory and no beginning of an entry either. */
  'not-a-zip',
  /** Begins as a zip does and has no end of a central directory. */
  'truncated',
  /** The central directory contradicts itself or the archive's size. */
  'damaged-directory',
  /** One volume of several. */
  'split-archive',
  /** The names themselves are hidden. */
  'encrypted-directory',
  'too-many-entries',
  'directory-too-large',
  'duplicate-names',
  /** Two entries share bytes, as no writer of archives does. */
  'overlapping-entries',
  /** An entry declares more bytes than one may have. */
  'entry-too-large',
  /** All entries together do. */
  'archive-too-large',
  /** Declared bytes against compressed ones. */
  'ratio-too-high',
] as const;
export type ArchiveRefusal = (typeof ARCHIVE_REFUSALS)[number];

/** Why one entry is not unpacked while the others of its archive are. */
export const ENTRY_REFUSALS = [
  /** Absolute, with `..`, with a NUL, or empty. */
  'bad-name',
  'link',
  /** A device, a pipe, a socket. */
  'not-a-file',
  'encrypted',
  /** Neither stored nor deflated. */
  'unknown-compression',
  /** The bytes are no deflate stream, or lie outside the archive. */
  'damaged',
  /** More or fewer bytes than the directory declares. */
  'wrong-size',
  'wrong-crc',
] as const;
export type EntryRefusal = (typeof ENTRY_REFUSALS)[number];

/** Why a member that looks like a table is kept as a file. */
export const UNREADABLE_REASONS = [
  /** Bytes that are no text in the encoding that the member begins with. */
  'not-text',
  'broken-csv',
  'broken-json',
  /** JSON nested deeper than anything that is meant to be read. */
  'too-deep',
  /** One row holds more than the memory of the function should. */
  'row-too-large',
  'too-many-columns',
  /** More than can surely be read within one invocation. */
  'table-too-large',
] as const;
export type UnreadableReason = (typeof UNREADABLE_REASONS)[number];

/** Ends the unpacking of one archive; never leaves the flow. */
export class ArchiveRefused extends Error {
  readonly outcome: ArchiveRefusal;

  constructor(outcome: ArchiveRefusal) {
    super(`the archive is refused: ${outcome}`);
    this.outcome = outcome;
  }
}

/** Ends the unpacking of one entry; never leaves the flow. */
export class EntryRefused extends Error {
  readonly outcome: EntryRefusal;

  constructor(outcome: EntryRefusal) {
    super(`the entry is refused: ${outcome}`);
    this.outcome = outcome;
  }
}

/** Ends the reading of a member as a table; never leaves the flow. */
export class TableUnreadable extends Error {
  readonly reason: UnreadableReason;

  constructor(reason: UnreadableReason) {
    super(`the member cannot be read as a table: ${reason}`);
    this.reason = reason;
  }
}
