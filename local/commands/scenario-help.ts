import { z } from 'zod';
import { describeFaults as describeAccountDataFaults } from '../apple/account-data/faults.ts';
import { accountDataScenarioSchema } from '../apple/account-data/scenario.ts';
import { describeFaults } from '../apple/faults/fault-kinds.ts';
import { scenarioSchema } from '../apple/scenario.ts';

/** Every field of a scenario in one line each, from the schema itself. */
function describeScenario(schema: z.core.JSONSchema.BaseSchema, indent = '  '): string[] {
  const properties = Object.entries(schema.properties ?? {}) as [string, z.core.JSONSchema.BaseSchema][];
  return properties.flatMap(([name, property]) => {
    const parts = [
      property,
      ...(property.anyOf ?? []),
      ...(property.oneOf ?? []),
    ] as z.core.JSONSchema.BaseSchema[];
    const kind = parts
      .map(({ type, enum: values }) => values?.join(' | ') ?? type)
      .filter((type) => type !== undefined);
    const isShort = property.default !== undefined && typeof property.default !== 'object';
    const note = [property.description, isShort ? `default ${JSON.stringify(property.default)}` : undefined];
    const line = `${indent}${name} (${[...new Set(kind)].join(' or ')})`;
    const details = note.filter((text) => text !== undefined).join('; ');
    const nested = parts.flatMap((part) => [
      ...describeScenario(part, `${indent}  `),
      ...(typeof part.items === 'object' && !Array.isArray(part.items) ? listItem(part.items, indent) : []),
    ]);
    return [details === '' ? line : `${line}: ${details}`, ...nested];
  });
}

function listItem(items: z.core.JSONSchema.BaseSchema | boolean, indent: string): string[] {
  if (typeof items === 'boolean') return [];
  const forms = [items, ...((items.anyOf ?? []) as z.core.JSONSchema.BaseSchema[])];
  return forms.flatMap((form) => describeScenario(form, `${indent}  `));
}

function fieldsOf(schema: z.ZodType): string[] {
  return describeScenario(z.toJSONSchema(schema, { io: 'input' }));
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** Every field of a scenario file and every kind of fault, for `--help`. */
export function scenarioHelp(): string {
  return [
    '',
    'Fields of a scenario (JSON; all optional):',
    ...fieldsOf(scenarioSchema),
    '  accountData (object): the people of Account Data Transfer and App Data Transfer',
    ...indented(fieldsOf(accountDataScenarioSchema)),
    '',
    'Kinds of faults:',
    ...indented(describeFaults()),
    '',
    'Kinds of faults of accountData:',
    ...indented(describeAccountDataFaults()),
  ].join('\n');
}
