/** What becomes of a path of which nothing is left. */
const UNNAMED = 'unnamed';

/**
 * The dataset of a member: its path in lower case without the extension, every run of characters that are no letters
 * (digits, signs, blanks) as one `-`, none at the ends of a part, empty parts left out. So the numbered and dated
 * parts of one export, and the same export of another day, are one dataset: `Apps/Purchases_2024-01 (2).csv` is
 * `apps/purchases`.
 */
export function datasetName(member: string): string {
  const parts = member
    .normalize('NFC')
    .replace(/\.[^./]*$/, '')
    .toLowerCase()
    .split('/')
    .map((part) => part.replace(/[^\p{L}\p{M}]+/gu, '-').replace(/^-|-$/g, ''))
    .filter((part) => part !== '');
  return parts.length === 0 ? UNNAMED : parts.join('/');
}
