import { Readable } from 'node:stream';
import type { UploadPartCommand } from '@aws-sdk/client-s3';

/** As much as a connection takes at once, so that no encrypted copy of a whole part is made. */
const PIECE_BYTES = 256 * 1024;

/** S3 verifies the checksum of the part; hashing it once more for the signature would cost as much as its transport. */
const UNSIGNED = 'UNSIGNED-PAYLOAD';

function* pieces(part: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < part.length; from += PIECE_BYTES) yield part.subarray(from, from + PIECE_BYTES);
}

/**
 * Lets a part, which is one buffer, go out in small pieces at the pace of its connection. The SDK still sees the
 * buffer, so it tries again by itself, which it does with no streamed body. The part needs a checksum of its own.
 */
export function sentInPieces(command: UploadPartCommand): UploadPartCommand {
  command.middlewareStack.add(
    (next) => (call) => {
      const { headers } = call.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = UNSIGNED;
      return next(call);
    },
    { step: 'build', name: 'unsignedPart' },
  );
  command.middlewareStack.add(
    (next) => (call) => {
      // Signing makes a new request for each attempt, so the buffer stays where the next attempt finds it.
      const request = call.request as { body: unknown };
      if (request.body instanceof Uint8Array) request.body = Readable.from(pieces(request.body));
      return next(call);
    },
    { step: 'deserialize', name: 'partInPieces' },
  );
  return command;
}
