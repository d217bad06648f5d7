import * as z from 'zod';
import { redact } from '../apple/redact.ts';
import { PayloadContractError, PipelineError } from '../errors.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Log } from './log.ts';
import { powertoolsLog } from './powertools-log.ts';

/** The part of Lambda's context that flows depend on. */
export interface InvocationContext {
  readonly functionName: string;
  getRemainingTimeInMillis(): number;
}

/**
 * What a flow gets beside its input: `deadline` is when its work has to be over, milliseconds since 1970. It lies
 * a little before the end of the invocation, so that the record of what was done can still be written.
 */
export interface Invocation {
  readonly deadline: number;
  readonly log: Log;
}

export interface FunctionContract<Input extends z.ZodType, Output extends z.ZodType> {
  readonly input: Input;
  readonly output: Output;
}

/** What of an input stands in every line that its invocation logs. */
const loggedIds = z
  .object({
    execution: z.unknown(),
    appId: z.unknown(),
    grantId: z.unknown(),
    series: z.unknown(),
    instance: z.unknown(),
    requestId: z.unknown(),
  })
  .partial();

/** Left of each invocation for writing what was done. */
const RESERVED_MILLISECONDS = 5_000;

/** Step Functions' limit for the result of a task is 262,144 bytes; Lambda's answer stands around our output in it. */
const MAX_OUTPUT_BYTES = 262_144 - 4_096;

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new PayloadContractError(
    `The ${what} is not of its contract's shape (${problems.join('; ')}): the state machine and the functions ` +
      'are of different releases; start a new execution.',
    { details: { problems } },
  );
}

/**
 * The error as it may leave the function: Lambda copies name, message and stack into the execution's history
 * and every own property into the log, so a named error is rebuilt from redacted texts, without its cause.
 */
function publicError(error: unknown): Error {
  const source = error instanceof Error ? error : new Error(String(error));
  const copy = new Error(redact(source.message));
  copy.name = source.name;
  if (source.stack !== undefined) copy.stack = redact(source.stack);
  return copy;
}

/**
 * Turns a flow into a Lambda handler: checks the input, passes the invocation's deadline and a log with the
 * run's ids, checks the output's shape and size, and writes one line about how it ended. Errors keep their names.
 */
export function toHandler<Input extends z.ZodType, Output extends z.ZodType>(
  contract: FunctionContract<Input, Output>,
  flow: (input: z.output<Input>, invocation: Invocation) => Promise<z.input<Output>>,
  clock: Clock = systemClock,
): (event: unknown, context: InvocationContext) => Promise<z.output<Output>> {
  return async (event, context) => {
    const startedAt = clock.now();
    const log = powertoolsLog(loggedIds.safeParse(event).data ?? {});
    try {
      const input = parse(contract.input, event, 'input');
      const deadline = startedAt + context.getRemainingTimeInMillis() - RESERVED_MILLISECONDS;
      const result = await flow(input, { deadline, log });
      const output = parse(contract.output, result, 'output');
      const bytes = Buffer.byteLength(JSON.stringify(output));
      if (bytes > MAX_OUTPUT_BYTES) {
        throw new PayloadContractError(
          `The output has ${bytes} bytes and a state can take ${MAX_OUTPUT_BYTES}: narrow the account's apps or reports.`,
          { details: { bytes } },
        );
      }
      log.info('done', { milliseconds: clock.now() - startedAt });
      return output;
    } catch (error) {
      log.error('failed', {
        error: error instanceof Error ? error.name : 'unknown',
        reason: error instanceof Error ? error.message : String(error),
        ...(error instanceof PipelineError ? { details: error.details } : {}),
        milliseconds: clock.now() - startedAt,
      });
      throw publicError(error);
    }
  };
}
