import { QueryHeaderError } from './errors.ts';

/** What the comment at the top of a query file says, in this order and shape (decision 028). */
export interface QueryHeader {
  /** The first paragraph, without a label. */
  readonly question: string;
  readonly meaning: string;
  readonly columns: readonly QueryColumn[];
  readonly caveats: readonly string[];
  /** One for each `?` of the statement, in order. */
  readonly parameters: readonly QueryParameter[];
}

export interface QueryColumn {
  readonly name: string;
  readonly text: string;
}

export interface QueryParameter {
  readonly name: string;
  readonly type: ParameterType;
  /** Text of the value; a caller gives it as a string, and the statement casts it. */
  readonly defaultValue: string;
  readonly text: string;
}

export const PARAMETER_TYPES = ['DATE', 'VARCHAR', 'BIGINT'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

const SECTIONS = ['Meaning', 'Columns', 'Caveats', 'Parameters'] as const;
type Section = (typeof SECTIONS)[number];

const SECTION_LINE = new RegExp(`^-- (${SECTIONS.join('|')}):(?: (.+))?$`);
const ITEM_LINE = /^-- {3}- (\S.*)$/;
const CONTINUED_LINE = /^-- {3,}([^\s-].*)$/;
const COLUMN = /^([a-z][a-z0-9_]*): (.+)$/;
const PARAMETER = new RegExp(
  `^([a-z][a-z0-9_]*) \\((${PARAMETER_TYPES.join('|')}), default ([^)]+)\\): (.+)$`,
);

/** A section's text behind its label, and its items. */
interface SectionText {
  text: string;
  readonly items: string[];
}

/** Adds a line to the section it belongs to; false when it belongs to none. */
function addLine(section: SectionText | undefined, line: string): boolean {
  if (section === undefined) return false;
  const item = ITEM_LINE.exec(line)?.[1];
  const continued = CONTINUED_LINE.exec(line)?.[1];
  const last = section.items.length - 1;
  if (item !== undefined) section.items.push(item);
  else if (continued === undefined) return false;
  else if (last < 0) section.text = `${section.text} ${continued}`.trimStart();
  else section.items[last] = `${section.items[last]} ${continued}`;
  return true;
}

function readSections(lines: readonly string[], fail: (problem: string) => never): Map<Section, SectionText> {
  const sections = new Map<Section, SectionText>();
  let current: SectionText | undefined;
  for (const line of lines) {
    const [, label, text = ''] = SECTION_LINE.exec(line) ?? [];
    if (label !== undefined) {
      if (SECTIONS[sections.size] !== label) fail(`${label} stands in the wrong place`);
      current = { text, items: [] };
      sections.set(label as Section, current);
    } else if (line !== '--' && !addLine(current, line)) fail(`a line belongs to no section: ${line}`);
  }
  return sections;
}

/** Whether a file begins with a comment that is meant as a header. */
export function hasQueryHeader(sql: string): boolean {
  return sql.startsWith('-- ') && /^-- Parameters:/m.test(sql);
}

/**
 * Reads the header of a query file: the question, an empty comment line, then `Meaning:`, `Columns:`, `Caveats:` and
 * `Parameters:` (items as `--   - `, further lines deeper; `none` for no parameters). `file` names it in errors.
 * Throws QueryHeaderError.
 */
export function parseQueryHeader(sql: string, file: string): QueryHeader {
  const fail = (problem: string): never => {
    throw new QueryHeaderError(`${file}: ${problem}; decision 028 shows the shape of a header`);
  };
  const lines = sql.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('--'));
  const header = lines.slice(0, end === -1 ? lines.length : end);
  const questionEnd = header.indexOf('--');
  const question = header.slice(0, Math.max(0, questionEnd)).map((line) => line.slice(2).trim());
  if (!question.join(' ').endsWith('?')) fail('it does not begin with a question and an empty comment line');
  const sections = readSections(header.slice(questionEnd), fail);
  const sectionOf = (name: Section): SectionText => sections.get(name) ?? fail(`it has no section ${name}`);
  const itemsOf = (name: Section): readonly string[] => {
    const { items } = sectionOf(name);
    return items.length > 0 ? items : fail(`${name} has no items`);
  };
  const match = (pattern: RegExp, item: string): readonly string[] =>
    pattern.exec(item)?.slice(1) ?? fail(`"${item}" is not of the form ${pattern.source}`);
  return {
    question: question.join(' '),
    meaning: sectionOf('Meaning').text || fail('Meaning is empty'),
    columns: itemsOf('Columns').map((item) => {
      const [name = '', text = ''] = match(COLUMN, item);
      return { name, text };
    }),
    caveats: itemsOf('Caveats'),
    parameters:
      sectionOf('Parameters').text === 'none'
        ? []
        : itemsOf('Parameters').map((item) => {
            const [name = '', type, defaultValue = '', text = ''] = match(PARAMETER, item);
            return { name, type: type as ParameterType, defaultValue, text };
          }),
  };
}
