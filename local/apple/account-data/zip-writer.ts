import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** DOS times have no zone: the local one gives the same bytes everywhere. */
const MODIFIED = new Date(2026, 0, 1);

/** A zip archive; the same members always give the same bytes. */
export async function zipped(
  members: readonly { readonly path: string; readonly bytes: Buffer }[],
): Promise<Buffer> {
  const zip = new ZipFile();
  for (const { path, bytes } of members)
    zip.addBuffer(bytes, path, { mtime: MODIFIED, mode: 0o100644, forceDosTimestamp: true });
  zip.end();
  return buffer(zip.outputStream);
}
