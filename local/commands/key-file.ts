import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** A file is not a key as Apple gives it out; the message names the file and what to do. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/**
 * Reads a `.p8` file of Apple: PKCS#8, P-256. `source` is who gave it out, for the messages. Throws `KeyFileError`
 * without quoting any of it.
 */
export async function readKeyFile(file: string, source = 'App Store Connect'): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new KeyFileError(`${file} cannot be read (${code}): name the AuthKey_*.p8 file of ${source}`);
  }
  if (!text.includes('-----BEGIN PRIVATE KEY-----')) {
    throw new KeyFileError(
      `${file} is no private key in PKCS#8 form: use the AuthKey_*.p8 file as ${source} gave it, unchanged`,
    );
  }
  let curve: string | undefined;
  try {
    curve = createPrivateKey(text).asymmetricKeyDetails?.namedCurve;
  } catch {
    throw new KeyFileError(`${file} holds a damaged private key: download or copy the .p8 file again`);
  }
  if (curve !== 'prime256v1') {
    throw new KeyFileError(`${file} is no key on P-256, as those of ${source} are: use its .p8 file`);
  }
  return text;
}
