/** Nothing answers to the given name: no query of `queries/` and no file. */
export class QueryNotFoundError extends Error {
  override readonly name = 'QueryNotFoundError';
}

/** The comment at the top of a query file is not of the shape that `queries/` has; the message names file and line. */
export class QueryHeaderError extends Error {
  override readonly name = 'QueryHeaderError';
}

/** More values than the query has parameters, or none for a parameter without a default. */
export class QueryParametersError extends Error {
  override readonly name = 'QueryParametersError';
}

/** The text is not one SELECT statement, or DuckDB refused it; the message quotes DuckDB. */
export class QueryFailedError extends Error {
  override readonly name = 'QueryFailedError';
}

/** The folder is no lake: it holds no folder `analytics`. */
export class LakeNotFoundError extends Error {
  override readonly name = 'LakeNotFoundError';
}
