import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { dataContract } from '../documentation/data-contract.ts';

const FILE = fileURLToPath(new URL('../../docs/data-contract.md', import.meta.url));

await new Command('npm run docs:contract --')
  .description('Writes docs/data-contract.md, the list of all tables and columns, from the catalog.')
  .allowExcessArguments(false)
  .action(() => {
    writeFileSync(FILE, dataContract());
    console.log('written: docs/data-contract.md');
  })
  .parseAsync();
