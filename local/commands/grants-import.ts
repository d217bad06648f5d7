import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { mode, region, service } from '../../lambdas/lib/account-data/contracts.ts';
import { type Grant, updateGrant } from '../../lambdas/lib/account-data/grant.ts';
import { withoutRefusals } from '../../lambdas/lib/account-data/grant-refusal.ts';
import { scopeProblems } from '../../lambdas/lib/apple/scopes.ts';
import { jsonText, type ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import { grantKey } from '../../lambdas/lib/lake/personal-keys.ts';
import { mapBounded } from '../../lambdas/lib/runtime/bounded.ts';
import { isErased, readGrants } from './stored-grants.ts';

const PEOPLE_IN_FLIGHT = 8;

/** One line of an import: a person's authorisation as the importer got it from Apple. */
const importedGrant = z.strictObject({
  externalId: z.string().min(1).max(256),
  refreshToken: z.string().min(1),
  region,
  scopes: z.array(z.string().min(1)).min(1),
  mode,
  service: service.default('account-data'),
});
type ImportedGrant = z.output<typeof importedGrant>;

/** What became of a line; the lines count from 1. */
export type ImportResult =
  | { readonly line: number; readonly result: 'added' | 'updated' | 'unchanged'; readonly grantId: string }
  | { readonly line: number; readonly result: 'refused'; readonly reason: string };

interface NumberedLine {
  readonly line: number;
  readonly value: ImportedGrant;
}

// Messages of Zod and of JSON.parse may quote what was given, and a token may stand anywhere in it.
function problemsOf(error: z.ZodError): string {
  const problems = error.issues.map(({ code, path }) => {
    if (code === 'unrecognized_keys') {
      return `has a field besides ${Object.keys(importedGrant.shape).join(', ')}`;
    }
    return path.length === 0
      ? 'is no JSON object'
      : `${path[0]?.toString()} is missing or not as it has to be`;
  });
  return [...new Set(problems)].join('; ');
}

function parseLine(line: number, text: string): NumberedLine | ImportResult {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return { line, result: 'refused', reason: 'is not JSON' };
  }
  const parsed = importedGrant.safeParse(given);
  if (!parsed.success) return { line, result: 'refused', reason: problemsOf(parsed.error) };
  const { scopes, region: home, service: of } = parsed.data;
  const problems = scopeProblems(scopes, home, of);
  if (problems.length > 0) return { line, result: 'refused', reason: problems.join('; ') };
  return { line, value: parsed.data };
}

/** A grant's authorisation as imported anew; what was asked of Apple with the earlier one stays. */
function renewed(present: Grant, given: ImportedGrant): Grant {
  const { attention: _, fallback, ...rest } = withoutRefusals(present);
  const asksTheSame = present.mode === given.mode && isDeepStrictEqual(present.scopes, given.scopes);
  const next: Grant = {
    ...rest,
    ...given,
    status: 'active',
    ...(asksTheSame && fallback !== undefined ? { fallback } : {}),
  };
  return isDeepStrictEqual(next, present) ? present : next;
}

async function add(
  store: ObjectStore,
  { line, value }: NumberedLine,
  grantId: string,
): Promise<ImportResult> {
  const added: Grant = { grantId, ...value, status: 'active', series: [] };
  await store.writeText(grantKey(grantId), jsonText(added), { ifAbsent: true });
  return { line, result: 'added', grantId };
}

async function renew(
  store: ObjectStore,
  { line, value }: NumberedLine,
  grantId: string,
): Promise<ImportResult> {
  if (await isErased(store, grantId)) {
    return { line, result: 'refused', reason: `grant ${grantId} of this external id is being erased` };
  }
  let changed = false;
  await updateGrant(store, grantId, (present) => {
    const next = renewed(present, value);
    changed = next !== present;
    return next;
  });
  return { line, result: changed ? 'updated' : 'unchanged', grantId };
}

interface Person {
  readonly lines: readonly NumberedLine[];
  readonly grantId: string;
  readonly isKnown: boolean;
}

/** Lines about one person happen one after the other. */
async function importPerson(
  store: ObjectStore,
  { lines, grantId, isKnown }: Person,
): Promise<ImportResult[]> {
  const results: ImportResult[] = [];
  for (const line of lines) {
    const write = isKnown || results.length > 0 ? renew : add;
    results.push(await write(store, line, grantId));
  }
  return results;
}

/** The people whom the lines name, in the order of their first line. */
async function peopleOf(
  store: ObjectStore,
  lines: readonly NumberedLine[],
  newGrantId: () => string,
): Promise<Person[]> {
  const known = new Map((await readGrants(store)).map(({ externalId, grantId }) => [externalId, grantId]));
  const byName = Map.groupBy(lines, ({ value }) => value.externalId);
  return [...byName].map(([externalId, own]) => {
    const grantId = known.get(externalId);
    return { lines: own, grantId: grantId ?? newGrantId(), isKnown: grantId !== undefined };
  });
}

/**
 * Writes one grant for each line of `text` (JSON Lines; blank lines are passed over) and tells what became of every
 * line, in their order. An external id that is known keeps its grant: token, region, scopes, mode and service are
 * replaced, the grant is active again, and its series stay. A line that cannot be used is refused with a reason that
 * quotes nothing of it, and the others are written. Repeating an import changes nothing. `store` is the personal
 * bucket as grants are written to it; ids of new grants are random UUIDs unless `newGrantId` makes others. Fails with PayloadContractError for a damaged grant, and WriteConflictError.
 */
export async function importGrants(
  store: ObjectStore,
  text: string,
  newGrantId: () => string = randomUUID,
): Promise<ImportResult[]> {
  const parsed = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, index) => ({ line: index + 1, text: line.trim() }))
    .filter((line) => line.text !== '')
    .map((line) => parseLine(line.line, line.text));
  const usable = parsed.flatMap((line) => ('result' in line ? [] : [line]));
  const people = await peopleOf(store, usable, newGrantId);
  const written = await mapBounded(people, PEOPLE_IN_FLIGHT, (person) => importPerson(store, person));
  const refused = parsed.flatMap((line) => ('result' in line ? [line] : []));
  return [...refused, ...written.flat()].sort((a, b) => a.line - b.line);
}
