import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountDataTransfer } from '../../lambdas/lib/apple/account-data-transfer.ts';
import { PipelineError } from '../../lambdas/lib/errors.ts';
import { VirtualClock } from '../../local/clock.ts';
import { CALL_NAMES, CALLS, PARENT, REQUEST } from './account-data-scripted-client.ts';
import { START } from './app-store-connect-scripted-server.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A client whose every call has the same answer. */
function answered(status: number, text: string) {
  return accountDataTransfer({
    service: 'account-data',
    baseUrl: 'https://apple.example',
    trustedOrigins: [],
    subject: 'grant 1',
    transport: async () => ({ status, headers: {}, body: Readable.from([Buffer.from(text)]) }),
    tokens: { token: async () => 't0ken', replacementOf: async () => 't0ken' },
    clock: new VirtualClock(START),
    log: quiet,
  });
}

const value = fc.oneof(fc.constantFrom('error', 'success', 'completed', PARENT, REQUEST, ''), fc.jsonValue());
const documentOfApples = fc.record(
  {
    parentRequestId: value,
    requestId: value,
    status: value,
    statusCheckDelay: value,
    statusMessage: value,
    jobStatus: value,
    assetInfo: value,
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  documentOfApples.map((document) => JSON.stringify(document)),
  fc.jsonValue().map((document) => JSON.stringify(document)),
  fc.string(),
);

describe('an answer of any shape', () => {
  test.each(CALL_NAMES)('to %s is an answer that can be told apart, or a named error', async (name) => {
    const results = ['created', 'exists', 'refused', 'urls', 'not-complete', 'not-found', 'cancelled'];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(200, 201, 204, 400, 403, 404, 409, 422),
        body,
        async (status, text) => {
          const outcome: unknown = await CALLS[name](answered(status, text)).catch((error: unknown) => error);

          if (outcome instanceof PipelineError) return;
          const { result, jobStatus, transactionId } = outcome as Record<string, string>;
          expect(transactionId).toHaveLength(36);
          expect(results.includes(result ?? '') || typeof jobStatus === 'string').toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});
