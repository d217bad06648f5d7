import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = readFileSync(join(ROOT, 'docs/account-data-transfer.md'), 'utf8');

/** `| 5 | … | `folder/file`: “title” |`, as the page's table has it. */
const ROW = /^\| (\d+) \|.*\| `([^`]+)`: “([^”]+)” \|$/gm;

interface Assumption {
  readonly number: number;
  readonly file: string;
  readonly title: string;
}

function assumptionsOf(page: string): Assumption[] {
  return [...page.matchAll(ROW)].map(([, number = '', file = '', title = '']) => ({
    number: Number(number),
    file: join(ROOT, 'test', `${file}.test.ts`),
    title,
  }));
}

function isTested({ file, title }: Assumption): boolean {
  return existsSync(file) && readFileSync(file, 'utf8').includes(title);
}

describe('the page on Account Data Transfer', () => {
  it('gives a decision for each of the 26 things that Apple does not say', () => {
    const numbers = assumptionsOf(PAGE).map(({ number }) => number);

    expect(numbers).toEqual(Array.from({ length: 26 }, (_, index) => index + 1));
  });

  it.each(assumptionsOf(PAGE))('names a test that exists: $number', (assumption) => {
    expect(isTested(assumption)).toBe(true);
  });

  it('would be found out when it named one that does not exist', () => {
    const [first] = assumptionsOf(PAGE.replace(/“[^”]+” \|$/m, '“holds by itself” |'));

    expect(first !== undefined && isTested(first)).toBe(false);
  });
});
