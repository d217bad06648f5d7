import { PAYLOAD_LIMIT_BYTES } from '../asl/limits.ts';
import { ServiceError } from '../aws-json/service-error.ts';

const MAX_NAME_LENGTH = 80;
/** White space, brackets, wildcards, the listed specials, control characters, halves of pairs. */
const FORBIDDEN_IN_NAME = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}\p{Cs}\u{fffe}\u{ffff}\u{10ffff}]/u;
const ARNS = {
  stateMachine: /^arn:[\w-]+:states:[\w-]+:\d{12}:stateMachine:[^:]+$/,
  execution: /^arn:[\w-]+:states:[\w-]+:\d{12}:execution:[^:]+:[^:]+$/,
} as const;

function constraintViolation(what: string, constraint: string): ServiceError {
  return new ServiceError(
    'ValidationException',
    `1 validation error detected: Value ${what} failed to satisfy constraint: Member must have ${constraint}`,
  );
}

/** Throws `ValidationException` for an execution name that is empty or too long. */
export function assertNameLength(name: string): void {
  const at = `'${name}' at 'name'`;
  if (name.length > MAX_NAME_LENGTH) {
    throw constraintViolation(at, `length less than or equal to ${MAX_NAME_LENGTH}`);
  }
  if (name === '') throw constraintViolation(at, 'length greater than or equal to 1');
}

/** Throws `InvalidName` for an execution name with a character that AWS forbids. */
export function assertNameCharacters(name: string): void {
  if (FORBIDDEN_IN_NAME.test(name)) throw new ServiceError('InvalidName', `Invalid Name: '${name}'`);
}

/** Throws `ValidationException` for an input, as JSON text, of more than 262,144 bytes. */
export function assertInputSize(text: string): void {
  if (Buffer.byteLength(text) <= PAYLOAD_LIMIT_BYTES) return;
  throw constraintViolation(
    "at 'input'",
    `size less than or equal to ${PAYLOAD_LIMIT_BYTES} bytes in UTF-8 encoding`,
  );
}

/** Throws `InvalidArn` for what is not the ARN of a state machine, or of an execution. */
export function assertArn(arn: string, kind: keyof typeof ARNS): void {
  if (ARNS[kind].test(arn)) return;
  const otherKind = /^arn:[\w-]+:states:[\w-]+:\d{12}:(?<type>\w+):/.exec(arn)?.groups?.type;
  const reason =
    otherKind === undefined || otherKind === kind
      ? `Invalid ARN prefix: ${arn}`
      : `Resource type not valid in this context: ${otherKind}`;
  throw new ServiceError('InvalidArn', `Invalid Arn: '${reason}'`);
}
