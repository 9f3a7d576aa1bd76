/** Reads the pages of a folder. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Problem } from '../kernel/problem.ts';
import { parseRunbook } from './parse.ts';
import { RUNBOOK_MISSING } from './problems.ts';
import type { Runbook } from './runbook.ts';

/** Pages that explain something and lead through nothing; every other page must be a runbook. */
const NO_RUNBOOKS: readonly string[] = ['README.md', 'format.md'];

export interface Runbooks {
  /** By title. */
  readonly all: readonly Runbook[];
  /** By file name: `accidental-deletion.md`. @throws Problem RUNBOOK_MISSING */
  require(file: string): Runbook;
}

/** @throws Problem RUNBOOK_UNREADABLE for the first page that does not follow the format; RUNBOOK_MISSING */
export async function readRunbooks(folder: string): Promise<Runbooks> {
  const files = await readdir(folder).catch((error: unknown) => {
    throw new Problem(RUNBOOK_MISSING, `Cannot read the runbooks in "${folder}"`, { cause: error });
  });
  const pages = files.filter((file) => file.endsWith('.md') && !NO_RUNBOOKS.includes(file));
  const books = await Promise.all(
    pages.map(async (file) => parseRunbook(file, await readFile(join(folder, file), 'utf8'))),
  );
  return runbooks(books);
}

export function runbooks(books: readonly Runbook[]): Runbooks {
  return {
    all: books.toSorted((a, b) => (a.title < b.title ? -1 : 1)),
    require(file) {
      const book = books.find((one) => one.file === file);
      if (book !== undefined) return book;
      const known = books.map((one) => `"${one.file}"`).join(', ');
      throw new Problem(RUNBOOK_MISSING, `Cannot find runbook "${file}": there are ${known}`);
    },
  };
}
