import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import * as errors from '../../lambdas/lib/errors.ts';
import { ApiUnavailableError, ERROR_NAMES } from '../../lambdas/lib/errors.ts';
import { type Invocation, toHandler } from '../../lambdas/lib/runtime/handler.ts';

const NOW = Date.parse('2026-06-03T12:00:00Z');
const clock = { now: () => NOW, sleep: async () => {} };
const context = { functionName: 'land-segments', getRemainingTimeInMillis: () => 900_000 };
const contract = {
  input: z.object({ appId: z.string(), cursor: z.int().default(0) }),
  output: z.object({ phase: z.enum(['landed', 'more']), note: z.string().optional() }),
};

const SIGNED = 'https://h.s3.amazonaws.com/r/0.csv.gz?X-Amz-Signature=s3cr3t&X-Amz-Date=1';
const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl';
const PEM = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByq\n-----END PRIVATE KEY-----';

let lines: string[];
beforeEach(() => {
  // The logger then writes through the console, where the test can see it.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  lines = [];
  for (const level of ['info', 'warn', 'error', 'debug', 'log'] as const) {
    vi.spyOn(console, level).mockImplementation((...parts: unknown[]) => void lines.push(parts.join(' ')));
  }
});
afterEach(() => vi.unstubAllEnvs());

type Flow = Parameters<typeof toHandler<typeof contract.input, typeof contract.output>>[1];

function run(flow: Flow, event: unknown = { appId: '1' }) {
  return toHandler(contract, flow, clock)(event, context);
}

async function thrownBy(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('toHandler', () => {
  it('hands the parsed input on, with its defaults, and returns the parsed output', async () => {
    const seen: unknown[] = [];

    const output = await run(async (input) => {
      seen.push(input);
      return { phase: 'landed' as const, unknown: 1 };
    });

    expect(seen).toEqual([{ appId: '1', cursor: 0 }]);
    expect(output).toEqual({ phase: 'landed' });
    expect(lines).toHaveLength(1);
  });

  it('understands the payload of a later release, with fields that it does not know', async () => {
    expect(await run(async () => ({ phase: 'landed' as const }), { appId: '1', later: true })).toEqual({
      phase: 'landed',
    });
  });

  it.each([[{}], [null], ['text'], [{ appId: 1 }], [{ appId: '1', cursor: 0.5 }]])(
    'refuses the input %j as PayloadContractError, without calling the flow',
    async (event) => {
      const flow = vi.fn<Flow>();

      const error = await thrownBy(run(flow, event));

      expect(error.name).toBe('PayloadContractError');
      expect(error.message).toMatch(/input/);
      expect(flow).not.toHaveBeenCalled();
    },
  );

  it('refuses an output of another shape as PayloadContractError that names the field', async () => {
    const error = await thrownBy(run(async () => ({ phase: 'done' }) as never));

    expect(error).toMatchObject({
      name: 'PayloadContractError',
      message: expect.stringMatching(/output.*phase/),
    });
  });

  it('refuses an output that Step Functions would not take, Lambda’s own answer around it included', async () => {
    const outputOf = (bytes: number) => async () => ({ phase: 'landed' as const, note: 'x'.repeat(bytes) });

    expect(await thrownBy(run(outputOf(262_144 - 1_000)))).toMatchObject({
      name: 'PayloadContractError',
      message: expect.stringContaining('narrow'),
    });
    expect((await run(outputOf(200_000))).phase).toBe('landed');
    expect(await thrownBy(run(outputOf(0), { appId: 7 }))).toBeInstanceOf(Error);
  });

  it('measures an output in bytes, not in characters', async () => {
    const flow = async () => ({ phase: 'landed' as const, note: 'ü'.repeat(140_000) });

    expect(await thrownBy(run(flow))).toMatchObject({ name: 'PayloadContractError' });
  });

  it('gives the flow a deadline that leaves time to write what was done', async () => {
    let deadline = 0;
    await run(async (_, invocation: Invocation) => {
      deadline = invocation.deadline;
      return { phase: 'landed' as const };
    });

    expect(deadline).toBe(NOW + 895_000);
  });
});

describe('an error that leaves a handler', () => {
  it.each(ERROR_NAMES)('keeps the name %s', async (name) => {
    const kinds = Object.values(errors).filter((each) => typeof each === 'function') as unknown as (new (
      message: string,
      options: object,
    ) => Error)[];
    const made = kinds
      .filter((Kind) => Kind.name !== 'PipelineError')
      .map((Kind) => new Kind('what happened', { outcome: 'forbidden', status: 404, code: '' }))
      .find((error) => error.name === name);

    const error = await thrownBy(run(async () => Promise.reject(made)));

    expect(error).toMatchObject({ name, message: 'what happened' });
  });

  it('keeps the name of an error that is not ours', async () => {
    const error = await thrownBy(run(async () => Promise.reject(new TypeError('x is undefined'))));

    expect(error).toMatchObject({ name: 'TypeError', message: 'x is undefined' });
  });

  it('is an Error also when something else was thrown', async () => {
    const error = await thrownBy(run(async () => Promise.reject(`failed at ${SIGNED}`)));

    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('failed at https://h.s3.amazonaws.com/r/0.csv.gz');
  });

  it('carries no URL query, token or key, neither in message and stack nor in the log', async () => {
    const cause = new Error(`cause: ${SIGNED}`);
    const thrown = new ApiUnavailableError(`GET ${SIGNED} with Bearer ${JWT} and ${PEM} broke`, {
      details: { url: SIGNED, nested: [{ token: `Bearer ${JWT}` }], key: PEM },
      cause,
    });

    const error = await thrownBy(
      run(async (_, { log }) => {
        log.warn(`about to call ${SIGNED}`, { url: SIGNED, deep: { authorization: `Bearer ${JWT}` } });
        throw thrown;
      }),
    );

    const everything = [error.message, error.stack, JSON.stringify(error), ...lines].join('\n');
    expect(everything).not.toMatch(/s3cr3t|c2lnbmF0dXJl|MIGHAgEA|X-Amz-Signature=/);
    expect(error.name).toBe('ApiUnavailableError');
    expect(error.cause).toBeUndefined();
    expect(Object.keys(error)).toEqual(['name']);
    expect(lines).toHaveLength(2);
    expect(lines.join('')).toContain('h.s3.amazonaws.com/r/0.csv.gz');
  });

  it('is told in one log line with the ids of the run', async () => {
    await thrownBy(
      run(async () => Promise.reject(new ApiUnavailableError('broke', { details: { status: 502 } })), {
        appId: '1',
        execution: 'run-1',
      }),
    );

    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({
      level: 'ERROR',
      message: 'failed',
      error: 'ApiUnavailableError',
      reason: 'broke',
      appId: '1',
      execution: 'run-1',
      details: { status: 502 },
    });
  });

  it('is told with whichever ids the input has', async () => {
    await run(async () => ({ phase: 'landed' as const }), {
      appId: '1',
      grantId: 'a',
      instance: 2,
      more: 'b',
    });

    const line = JSON.parse(lines[0] ?? '{}') as Record<string, unknown>;
    expect(line).toMatchObject({ appId: '1', grantId: 'a', instance: 2 });
    expect(line).not.toHaveProperty('more');
  });
});
