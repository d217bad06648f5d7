/**
 * The names of a row's fields, each once: an empty one is `column_<place>`, and one that stands there already gets
 * `_2`, `_3`, ... behind it.
 */
export function distinctNames(names: readonly string[]): string[] {
  const taken = new Set(names);
  const given = new Set<string>();
  const tries = new Map<string, number>();
  return names.map((raw, index) => {
    // Half of a surrogate pair would become the same character as any other half in UTF-8.
    const name = raw.trim() === '' ? `column_${index + 1}` : raw.toWellFormed();
    let distinct = name;
    while (given.has(distinct) || (distinct !== raw && taken.has(distinct))) {
      const next = (tries.get(name) ?? 1) + 1;
      tries.set(name, next);
      distinct = `${name}_${next}`;
    }
    given.add(distinct);
    return distinct;
  });
}
