/** The proof cannot go on: a process, an answer or a template is not as it must be. The message says which. */
export class AthenaProofError extends Error {
  override readonly name = 'AthenaProofError';
}
