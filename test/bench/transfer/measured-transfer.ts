import { cpuSeconds, machineCpuSeconds } from '../process-usage.ts';

/** One segment or archive moved once. */
export interface MeasuredTransfer {
  readonly way: 'curl' | 'function';
  readonly seconds: number;
  readonly megabytesPerSecond: number;
  /** Processor seconds of the client: both curls, or the function's call. */
  readonly clientCpuSeconds: number;
  readonly appleCpuSeconds: number;
  readonly s3CpuSeconds: number;
  /** Cores that were busy on average with anything else than the transfer: noise. */
  readonly foreignCores: number;
  /** Most memory that the function's process held; absent for curl. */
  readonly peakMemoryBytes?: number;
}

/** The two servers that bytes are moved between. */
export interface MeasuredServers {
  readonly apple: { readonly processId: number };
  readonly s3: { readonly processId: number };
}

/** What the moving process tells of itself. */
export interface ClientUsage {
  readonly cpuSeconds: number;
  readonly peakMemoryBytes?: number;
}

/** Times one transfer of `bytes`, and what every process of this machine uses meanwhile. */
export async function measureTransfer(
  world: MeasuredServers,
  way: MeasuredTransfer['way'],
  bytes: number,
  move: () => Promise<ClientUsage>,
): Promise<MeasuredTransfer> {
  const usage = () => ({
    apple: cpuSeconds(world.apple.processId),
    s3: cpuSeconds(world.s3.processId),
    own: process.resourceUsage(),
    machine: machineCpuSeconds(),
    at: performance.now(),
  });
  const before = usage();
  const client = await move();
  const after = usage();
  const seconds = (after.at - before.at) / 1000;
  const appleCpuSeconds = after.apple - before.apple;
  const s3CpuSeconds = after.s3 - before.s3;
  const ownMicroseconds =
    after.own.userCPUTime + after.own.systemCPUTime - before.own.userCPUTime - before.own.systemCPUTime;
  const ours = client.cpuSeconds + appleCpuSeconds + s3CpuSeconds + ownMicroseconds / 1e6;
  return {
    way,
    seconds,
    megabytesPerSecond: bytes / 1e6 / seconds,
    clientCpuSeconds: client.cpuSeconds,
    appleCpuSeconds,
    s3CpuSeconds,
    foreignCores: Math.max(0, after.machine - before.machine - ours) / seconds,
    ...(client.peakMemoryBytes === undefined ? {} : { peakMemoryBytes: client.peakMemoryBytes }),
  };
}
