import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BenchmarkError } from '../benchmark.ts';
import type { ClientUsage } from './measured-transfer.ts';

/** What curl fetches from one server and puts to the other. */
export interface CurlSource {
  readonly url: string;
  readonly bytes: number;
  /** 32 hex digits; S3 compares it where it is known. */
  readonly md5?: string;
}

/** Where curl finds what it trusts, and keeps its settings. */
export interface CurlSetting {
  readonly directory: string;
  /** PEM file of the authority that both servers' certificate is from. */
  readonly authorityFile: string;
}

const execute = promisify(execFile);

const PIPE = 'curl --config "$1" | curl --config "$2"; code=$?; times; exit $code';

function configuration(settings: readonly (readonly [string, string] | readonly [string])[]): string {
  return settings
    .map(([name, value]) => (value === undefined ? `${name}\n` : `${name} = ${JSON.stringify(value)}\n`))
    .join('');
}

/** `times` of a POSIX shell: its second line says what the shell's children used, as `1m2.03s 0m0.45s`. */
export function childrenCpuSeconds(times: string): number {
  const used = [...(times.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  if (used.length !== 2) throw new BenchmarkError(`the shell's times are of another form: ${times.trim()}`);
  return used.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

/**
 * Moves the source by `curl | curl` with what the function sends too: the length, a known Content-MD5,
 * `If-None-Match`, and no `Expect`. The addresses stand in files, so that no list of processes shows them.
 */
export async function curlTransfer(
  world: CurlSetting,
  source: CurlSource,
  presignedPut: string,
): Promise<ClientUsage> {
  const files = [join(world.directory, 'curl-get'), join(world.directory, 'curl-put')] as const;
  const common = [['silent'], ['show-error'], ['fail'], ['cacert', world.authorityFile]] as const;
  await writeFile(files[0], configuration([...common, ['url', source.url]]), { mode: 0o600 });
  const md5: [string, string][] =
    source.md5 === undefined
      ? []
      : [['header', `Content-MD5: ${Buffer.from(source.md5, 'hex').toString('base64')}`]];
  const put = configuration([
    ...common,
    ['url', presignedPut],
    ['upload-file', '-'],
    ['output', '/dev/null'],
    // curl would send standard input in chunks, which S3 refuses.
    ['header', 'Transfer-Encoding:'],
    ['header', `Content-Length: ${source.bytes}`],
    ...md5,
    ['header', 'If-None-Match: *'],
    ['header', 'Expect:'],
  ]);
  await writeFile(files[1], put, { mode: 0o600 });
  try {
    const { stdout } = await execute('sh', ['-c', PIPE, 'sh', ...files]);
    return { cpuSeconds: childrenCpuSeconds(stdout) };
  } catch (error) {
    const words = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new BenchmarkError(`curl | curl did not move it: ${words}`);
  }
}
