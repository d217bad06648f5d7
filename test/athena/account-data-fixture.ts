import { type UnpackedInstance, writeUnpackedInstance } from '../support/account-data-lake.ts';

const ANNA = '10000000-0000-4000-8000-000000000001';
const BEN = '10000000-0000-4000-8000-000000000002';
const LONG_NAME = `Höhle/${'d'.repeat(4000)}.csv`;

function instance(
  grantId: string,
  requestId: string,
  instanceAt: string,
  changes: Partial<UnpackedInstance> = {},
): UnpackedInstance {
  const rows = [
    { Id: '9007199254740993', Title: 'Café 😀 שלום', Formula: '=1+1' },
    { Id: '-0', Title: 'say "hello"\\ \n', Formula: null },
    { Id: '', 'Column, with "signs"': "it's" },
  ];
  return {
    ...{ grantId, requestId, instanceAt },
    members: [
      { member: 'App Store/Downloads 1.csv', dataset: 'app store/downloads', rows },
      { member: 'App Store/Downloads 2.csv', dataset: 'app store/downloads', rows: rows.slice(0, 1) },
      { member: 'Käufe\\"2026".json', dataset: 'käufe', rows: [{ Of: requestId }] },
      { member: 'Letter.pdf' },
    ],
    ...changes,
  };
}

/** The current instance of the first grant, with an object in which a fault changes the answers. */
export const CURRENT_INSTANCE = instance(ANNA, 'A2', '2026-11-02T08:30:00.500Z');

/** Instances of every standing, values of every kind, and members and archives that were refused. */
export const ACCOUNT_DATA_INSTANCES: readonly UnpackedInstance[] = [
  instance(ANNA, 'A1', '2026-11-01T08:30:00.000Z'),
  CURRENT_INSTANCE,
  instance(ANNA, 'A3', '2026-11-03T08:30:00.123Z', {
    partial: true,
    members: [
      { member: LONG_NAME, dataset: 'höhle/d', rows: [{ a: '1' }] },
      { member: 'Empty.csv', dataset: 'empty', rows: [] },
      { member: 'Broken.json', outcome: 'unreadable' },
      { archive: 2, member: 'Letter.pdf', outcome: 'wrong-checksum' },
      { archive: 3, member: null, outcome: 'not-a-zip' },
    ],
  }),
  instance(BEN, 'B1', '2026-11-01T08:30:00.000Z', { complete: false }),
];

/** Adds the instances to a lake directory. */
export async function addAccountData(lakeDirectory: string): Promise<void> {
  for (const each of ACCOUNT_DATA_INSTANCES) await writeUnpackedInstance(lakeDirectory, each);
}
