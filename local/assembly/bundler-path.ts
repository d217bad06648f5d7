import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/**
 * A `PATH` on which `npx --no-install <tool>` is the tool itself. The CDK calls esbuild so for every function, and npm
 * takes half a second to find out what it is (a third of the time of `npm start` until its first run).
 */
export async function pathWithoutNpx(directory: string, binDirectory: string): Promise<string> {
  const path = process.env.PATH ?? '';
  if (process.platform === 'win32') return path;
  await mkdir(directory, { recursive: true });
  const script = `#!/bin/sh\ntool="$2"\nshift 2\nexec "${binDirectory}/$tool" "$@"\n`;
  await writeFile(join(directory, 'npx'), script, { mode: 0o755 });
  return [directory, path].join(delimiter);
}
