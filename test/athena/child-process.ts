import type { ChildProcess } from 'node:child_process';

/**
 * Kills a child that was spawned `detached`, and all that it started, when this process ends before it; call what is
 * returned once the child has ended.
 */
export function killWithThisProcess({ pid }: ChildProcess): () => void {
  const kill = () => {
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  // Before whatever removes the files that the child still writes.
  process.prependListener('exit', kill);
  return () => process.off('exit', kill);
}

/** Collects the last words of both streams of a child. */
export function lastWords(child: ChildProcess): () => string {
  let words = '';
  const keep = (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => words.trim();
}
