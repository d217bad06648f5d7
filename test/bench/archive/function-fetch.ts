import type { Grant } from '../../../lambdas/lib/account-data/grant.ts';
import { realClock } from '../../../local/clock.ts';
import { functionEnvironment } from '../../../local/functions/function-environment.ts';
import { createFunctionHost, type FunctionHost } from '../../../local/functions/function-host.ts';
import { type RunningServer, serve } from '../../../local/http.ts';
import { createSecretsService } from '../../../local/secrets/server.ts';
import { BenchmarkError } from '../benchmark.ts';
import { cpuSeconds, peakMemoryBytes } from '../process-usage.ts';
import type { ClientUsage } from '../transfer/measured-transfer.ts';
import type { ArchiveWorld } from './archive-world.ts';

const FETCH_ARCHIVES = 'fetch-archives';

/** A warm function. */
export interface StartedFunction {
  /** CPU is that of the calls, memory the most that the process ever held. */
  fetch(grant: Grant): Promise<ClientUsage>;
  close(): Promise<void>;
}

/** The bundle of FetchArchives over this world, in processes of its own, with its memory limit. */
export class FetchFunctions {
  readonly #world: ArchiveWorld;
  readonly #secrets: RunningServer;
  #lastLines: string[] = [];

  private constructor(world: ArchiveWorld, secrets: RunningServer) {
    this.#world = world;
    this.#secrets = secrets;
  }

  static async open(world: ArchiveWorld): Promise<FetchFunctions> {
    const { assembly, s3, secret } = world;
    const { accessKeyId, secretAccessKey, region } = s3.ready;
    const principal = { name: 'benchmark', accessKeyId, secretAccessKey };
    const secretArn = assembly.functions.find(({ name }) => name === FETCH_ARCHIVES)?.environment
      .DATA_SHARING_SECRET_ARN;
    if (secretArn === undefined) throw new BenchmarkError('FetchArchives names no secret');
    const service = createSecretsService({
      secrets: assembly.secrets,
      values: new Map([[secretArn, secret]]),
      region,
      clock: realClock,
      principalOf: (id) => (id === accessKeyId ? principal : undefined),
    });
    return new FetchFunctions(world, await serve(service));
  }

  #host(): FunctionHost {
    const { assembly, s3, authorityFile } = this.#world;
    const { endpoint, region, ...credentials } = s3.ready;
    const endpoints = { s3: endpoint, secretsManager: this.#secrets.origin, stepFunctions: endpoint };
    return createFunctionHost({
      functions: assembly.functions,
      clock: realClock,
      environment: (configuration) => ({
        ...functionEnvironment(configuration, region, credentials, endpoints),
        NODE_EXTRA_CA_CERTS: authorityFile,
      }),
      onLog: ({ line }) => {
        this.#lastLines = [...this.#lastLines.slice(-4), line];
      },
    });
  }

  /**
   * Starts FetchArchives in a fresh process and lets it answer a call that has nothing to fetch, as Lambda starts a
   * function before it hands it an event.
   */
  async start(idle: Grant): Promise<StartedFunction> {
    const host = this.#host();
    const invoke = async ({ grantId }: Grant, phase: string): Promise<number> => {
      const answer = host.invoke(FETCH_ARCHIVES, { grantId, series: 1, instance: 1 });
      const [processId] = host.runningProcessIds(FETCH_ARCHIVES);
      const result = (await answer) as Record<string, unknown>;
      if (result.phase !== phase || processId === undefined) {
        const lines = this.#lastLines.join('\n');
        throw new BenchmarkError(`FetchArchives ended with ${JSON.stringify(result)}\n${lines}`);
      }
      return processId;
    };
    try {
      const processId = await invoke(idle, 'ended');
      return {
        async fetch(grant) {
          const before = cpuSeconds(processId);
          if ((await invoke(grant, 'unpack')) !== processId) {
            throw new BenchmarkError('FetchArchives was not reused');
          }
          return { cpuSeconds: cpuSeconds(processId) - before, peakMemoryBytes: peakMemoryBytes(processId) };
        },
        close: () => host.close(),
      };
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#secrets.close();
  }
}
