/** What a task's integration reports when it fails; either may be missing, as on AWS. */
export interface TaskFailure {
  readonly error?: string;
  readonly cause?: string;
}

/**
 * A task failed: what a `TaskInvoker` rejects with, so that Retry and Catch see `error` as the error name and
 * `cause` as its text. Anything else an invoker throws is a fault of the invoker and ends the run with it.
 */
export class StepFunctionsTaskError extends Error {
  override readonly name = 'StepFunctionsTaskError';
  readonly error: string | undefined;
  override readonly cause: string | undefined;

  constructor(failure: TaskFailure) {
    super(`${failure.error ?? 'no error name'}: ${failure.cause ?? 'no cause'}`);
    this.error = failure.error;
    this.cause = failure.cause;
  }
}

/** StartExecution was asked for a name that another execution of the machine has already used. */
export class ExecutionAlreadyExistsError extends Error {
  override readonly name = 'ExecutionAlreadyExists';
  readonly executionArn: string;

  constructor(executionArn: string) {
    super(
      `${executionArn} has been started before: choose another name, or the same input while it runs; names are free again 90 days after the end.`,
    );
    this.executionArn = executionArn;
  }
}

/** RedriveExecution was asked for an execution that is running, succeeded or unknown. */
export class ExecutionNotRedrivableError extends Error {
  override readonly name = 'ExecutionNotRedrivable';
}

/** A definition asks for what AWS does and this runner does not: the run ends with this instead of a made-up answer. */
export class NotImplementedError extends Error {
  override readonly name = 'NotImplemented';
}

/**
 * A state failed with a States Language error.
 * `alsoMatches` are further names by which Retry and Catch may refer to it; `location` is the field whose
 * expression failed, where one did.
 */
export class StateFailure extends Error {
  override readonly name = 'StateFailure';
  readonly error: string | undefined;
  override readonly cause: string | undefined;
  readonly alsoMatches: readonly string[];
  readonly location: string | undefined;

  constructor(
    failure: TaskFailure & { readonly alsoMatches?: readonly string[]; readonly location?: string },
  ) {
    super(`${failure.error ?? ''}: ${failure.cause ?? ''}`);
    this.error = failure.error;
    this.cause = failure.cause;
    this.alsoMatches = failure.alsoMatches ?? [];
    this.location = failure.location;
  }

  /** The value of `$states.errorOutput`: both members always there, empty where AWS has nothing to say. */
  toErrorOutput(): { Error: string; Cause: string } {
    return { Error: this.error ?? '', Cause: this.cause ?? '' };
  }
}

/** `States.QueryEvaluationError` of the field at `location`, with AWS's sentence as cause. */
export function queryEvaluationFailure(cause: string, location: string): StateFailure {
  return new StateFailure({ error: 'States.QueryEvaluationError', cause, location });
}

/** Puts AWS's opening sentence, which names the state, before the cause of an error the interpreter raised. */
export function inState(failure: StateFailure, stateName: string, enteredEventId: number): StateFailure {
  const opening = `An error occurred while executing the state '${stateName}' (entered at the event id #${enteredEventId}).`;
  return new StateFailure({
    ...(failure.error === undefined ? {} : { error: failure.error }),
    cause: `${opening} ${failure.cause ?? ''}`,
    alsoMatches: failure.alsoMatches,
    ...(failure.location === undefined ? {} : { location: failure.location }),
  });
}
