import type { RetryStrategyV2, RetryToken } from '@smithy/types';

function token(retries: number): RetryToken {
  return { getRetryCount: () => retries, getRetryDelay: () => 0 };
}

/**
 * The SDK's retries without its waits, which are real ones, and without its quota, which in production each function
 * has for itself: the same errors are tried again, `maxAttempts` times in all.
 */
export function promptRetries(maxAttempts: number): RetryStrategyV2 {
  return {
    acquireInitialRetryToken: async () => token(0),
    refreshRetryTokenForRetry: async (last, { errorType, error }) => {
      const retries = last.getRetryCount() + 1;
      const mayHelp = errorType === 'TRANSIENT' || errorType === 'THROTTLING';
      if (!mayHelp || retries >= maxAttempts) throw error;
      return token(retries);
    },
    recordSuccess: () => undefined,
  };
}
