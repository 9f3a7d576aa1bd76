/** pgBackRest as the bench runs it: zstd, AES-256-CBC, two processes, one repository in a folder. */
import { execFile } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { BenchDatabase } from './database.ts';
import type { Program } from './processes.ts';

const run = promisify(execFile);
const PATH = '/usr/bin/pgbackrest';
const PASSPHRASE = 'a passphrase of the bench';
const NOT_IN_FILE = /^--(stanza=|no-config$)/;

export interface PgBackRest {
  backup(): Program;
  restore(directory: string): Program;
  /** A new, empty repository. */
  empty(): Promise<void>;
  storedBytes(): Promise<number>;
  /** What PostgreSQL calls for each segment, with the segment's path added. */
  archivePush(how: 'one by one' | 'ahead'): Promise<Program>;
}

export interface PgBackRestOptions {
  readonly database: Pick<BenchDatabase, 'postgres'>;
  readonly folder: string;
  /** Of zstd. */
  readonly level: number;
}

/** Undefined: it is not installed. */
export async function pgBackRest({
  database,
  folder,
  level,
}: PgBackRestOptions): Promise<PgBackRest | undefined> {
  try {
    await run(PATH, ['version']);
  } catch {
    return undefined;
  }
  const { postgres } = database;
  const home = join(folder, 'pgbackrest');
  const repository = join(home, 'repository');
  const options = [
    '--stanza=bench',
    `--repo1-path=${repository}`,
    '--repo1-cipher-type=aes-256-cbc',
    `--log-path=${home}`,
    `--lock-path=${home}`,
    '--log-level-console=warn',
    '--no-config',
  ];
  const server = [
    `--pg1-path=${postgres.dataDirectory}`,
    `--pg1-socket-path=${postgres.socketDirectory}`,
    `--pg1-port=${postgres.port}`,
    '--pg1-user=postgres',
  ];
  const backup = [
    ...server,
    '--type=full',
    '--start-fast',
    '--no-archive-check',
    '--repo1-retention-full=9',
    '--compress-type=zst',
    `--compress-level=${level}`,
  ];
  const archivePush = [
    `--pg1-path=${postgres.dataDirectory}`,
    '--compress-type=zst',
    `--compress-level=${level}`,
  ];
  const ahead = ['--archive-async', `--spool-path=${home}`, '--process-max=2'];
  function program(command: string, own: readonly string[]): Program {
    return {
      path: PATH,
      args: [...options, ...own, command],
      user: postgres.user,
      cwd: '/',
      environment: { PGBACKREST_REPO1_CIPHER_PASS: PASSPHRASE },
    };
  }
  return {
    // Its processes in the background are given a file, and no environment.
    async archivePush(how) {
      const lines = [...options, ...archivePush, ...(how === 'ahead' ? ahead : [])]
        .filter((option) => !NOT_IN_FILE.test(option))
        .map((option) => option.replace(/^--/, '').replace(/^([^=]+)$/, '$1=y'));
      const file = join(home, 'pgbackrest.conf');
      await writeFile(
        file,
        ['[bench]', ...lines, `repo1-cipher-pass=${PASSPHRASE}`, ''].join('\n'),
      );
      return {
        path: PATH,
        args: [`--config=${file}`, '--stanza=bench', 'archive-push'],
        user: postgres.user,
        cwd: '/',
      };
    },
    backup: () => program('backup', [...backup, '--process-max=2']),
    restore: (directory) => program('restore', [`--pg1-path=${directory}`, '--process-max=2']),
    async empty() {
      await rm(home, { recursive: true, force: true });
      await mkdir(repository, { recursive: true });
      if (postgres.user !== undefined)
        for (const path of [home, repository])
          await chown(path, postgres.user.uid, postgres.user.gid);
      const { path, args, environment, user } = program('stanza-create', [
        ...server,
        '--no-online',
      ]);
      await run(path, args, {
        cwd: '/',
        env: { ...environment },
        ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
      });
    },
    async storedBytes() {
      const { stdout } = await run('du', ['-sb', join(repository, 'backup')]);
      return Number.parseInt(stdout, 10);
    },
  };
}
