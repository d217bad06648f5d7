import { execFile } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Release of Trino; Athena's engine is a fork of an unknown one, this is the newest that Maven Central has as jars. */
export const TRINO_VERSION = '435';

const OLDEST_JAVA = 17;
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1';
const SOURCES = fileURLToPath(new URL('./trino/', import.meta.url));

/** A Trino that can be started. */
export interface TrinoInstallation {
  /** Of the server and its launcher, as `java -cp` takes it. */
  readonly classPath: string;
  /** Holds one folder, the Hive connector. */
  readonly pluginDirectory: string;
}

/** What stands between this machine and the proof, in a few words. */
export interface MissingTool {
  readonly missing: string;
}

interface Outcome {
  readonly ok: boolean;
  /** Both streams. */
  readonly words: string;
}

async function attempt(command: string, words: readonly string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await execute(command, words, { maxBuffer: 64 * 1024 * 1024 });
    return { ok: true, words: stdout + stderr };
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: unknown; stderr?: unknown };
    return { ok: false, words: `${stdout ?? ''}${stderr ?? ''}` };
  }
}

/** The main version that `java -version` tells, or undefined. */
export function javaVersion(words: string): number | undefined {
  const found = /version "(?:1\.)?(\d+)/.exec(words)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Why Maven failed: its first error line without addresses, which may hold a password. */
export function mavenProblem(words: string): string {
  const line = words.split('\n').find((text) => text.includes('ERROR')) ?? '';
  return line.replace(/^\W*ERROR\W*/, '').replace(/https?:\/\/[^\s)]+/g, '<url>') || 'no reason given';
}

async function missingTool(): Promise<string | undefined> {
  const java = await attempt('java', ['-version']);
  const version = java.ok ? javaVersion(java.words) : undefined;
  if (version === undefined || version < OLDEST_JAVA) return `java (${OLDEST_JAVA} or newer)`;
  if (!(await attempt('javac', ['-version'])).ok) return 'javac (the JDK, not only its runtime)';
  if (!(await attempt('mvn', ['-version'])).ok) return 'mvn (Maven 3)';
  return undefined;
}

async function install(directory: string): Promise<string | undefined> {
  const maven = ['--batch-mode', '--no-transfer-progress'];
  const jars = await attempt('mvn', [
    ...maven,
    `--file=${join(SOURCES, 'pom.xml')}`,
    `-Dtrino.version=${TRINO_VERSION}`,
    `${DEPENDENCY_PLUGIN}:copy-dependencies`,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${join(directory, 'lib')}`,
  ]);
  if (!jars.ok) return `io.trino:trino-main:${TRINO_VERSION} (mvn: ${mavenProblem(jars.words)})`;
  const connector = `io.trino:trino-hive:${TRINO_VERSION}:zip`;
  const unpacked = await attempt('mvn', [
    ...maven,
    `${DEPENDENCY_PLUGIN}:unpack`,
    `-Dartifact=${connector}`,
    `-DoutputDirectory=${join(directory, 'plugin')}`,
  ]);
  if (!unpacked.ok) return `${connector} (mvn: ${mavenProblem(unpacked.words)})`;
  const launcher = join(SOURCES, 'TrinoLauncher.java');
  const compiled = await attempt('javac', [
    ...['-cp', join(directory, 'lib', '*')],
    ...['-d', join(directory, 'launcher'), launcher],
  ]);
  return compiled.ok ? undefined : `a javac that compiles the launcher (${compiled.words.trim()})`;
}

/**
 * Finds Trino below `directory`, or fetches it as Maven artifacts (270 MB; minutes, the first time) and installs it
 * there. Repeating it changes nothing. What is missing is an answer, not an error: the proof is then skipped.
 */
export async function prepareTrino(
  directory: string,
  progress: (text: string) => void,
): Promise<TrinoInstallation | MissingTool> {
  const missing = await missingTool();
  if (missing !== undefined) return { missing };
  const home = join(directory, `trino-${TRINO_VERSION}`);
  const isThere = await stat(home).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    progress(`fetching Trino ${TRINO_VERSION} from Maven Central`);
    // Renamed when it is whole, so that what an ended run left is never taken for an installation.
    const unfinished = join(directory, 'unfinished');
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    const failed = await install(unfinished);
    if (failed !== undefined) return { missing: failed };
    await rename(unfinished, home);
  }
  return {
    classPath: [join(home, 'launcher'), join(home, 'lib', '*')].join(':'),
    pluginDirectory: join(home, 'plugin'),
  };
}
