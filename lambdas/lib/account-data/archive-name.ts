const MOST_CHARACTERS = 255;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The name of an archive: the last part of its URL's path, decoded where that is possible, at most 255 characters.
 * It is all of a URL that is ever kept; empty where there is none.
 */
export function archiveName(url: string): string {
  if (!URL.canParse(url)) return '';
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  return decoded(last).slice(0, MOST_CHARACTERS).toWellFormed();
}
