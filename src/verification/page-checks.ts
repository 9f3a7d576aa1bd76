/**
 * The checksum of every page of the copy, by PostgreSQL's own program: also of what no query and no index
 * check reads. It needs a cluster that was stopped in order, so it is the last thing that is looked at.
 */
import type { Programs } from '../postgres/programs.ts';
import { runProgram } from '../subprocess/run.ts';
import type { Seen } from './checks.ts';
import { type CopyContext, enter } from './copy-checks.ts';

const CHECKSUMS_MS = 6 * 3_600_000;
const TOLD_MAX = 5;

/** The copy is stopped afterwards, whatever the answer. */
export async function checkPages(context: CopyContext, programs: Programs): Promise<Seen> {
  const { restored, recovery, signal } = context;
  {
    await using session = await enter(context, restored.database);
    const [row] = await session.query<{ on: string }>(
      `SELECT current_setting('data_checksums') AS on`,
    );
    if (row?.on !== 'on') return { verdict: 'SKIPPED', detail: 'production has no page checksums' };
    // Else the orderly end would have to write everything within a few seconds.
    await session.query('CHECKPOINT');
  }
  const program = programs.path('pg_checksums');
  if (program === undefined)
    return { verdict: 'SKIPPED', detail: 'the program pg_checksums is not installed here' };
  await restored.cluster.stop();
  const end = await runProgram(program, ['--check', '--pgdata', restored.place.dataDirectory], {
    signal,
    deadlineMs: CHECKSUMS_MS,
    cwd: '/',
    environment: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    user: recovery.scratch.user,
  });
  return judgeChecksums(end, restored.place.dataDirectory);
}

export interface ChecksumsEnd {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Pure. */
export function judgeChecksums({ exitCode, stdout, stderr }: ChecksumsEnd, folder: string): Seen {
  const blocks = numberOf(stdout, 'Blocks scanned');
  const bad = numberOf(stdout, 'Bad checksums');
  const words = stderr.trim().split('\n').slice(0, TOLD_MAX).join('; ');
  if (bad === undefined || blocks === undefined)
    return { verdict: 'ERROR', detail: `pg_checksums ended with ${exitCode}: ${words}` };
  if (bad === 0 && exitCode === 0)
    return {
      verdict: 'PASS',
      detail: `${blocks.toLocaleString('en-US')} pages, every checksum right`,
    };
  const pages = [...stderr.matchAll(DAMAGED)].map(
    ([, file = '', block = '']) => `${file.replace(`${folder}/`, '')} block ${block}`,
  );
  const more = bad - TOLD_MAX;
  const named = pages.length === 0 ? words : pages.slice(0, TOLD_MAX).join(', ');
  const detail = `${bad.toLocaleString('en-US')} ${bad === 1 ? 'page' : 'pages'} with a wrong checksum: ${named}${more > 0 ? ` … and ${more} more` : ''}`;
  return { verdict: 'FAIL', detail };
}

// pg_checksums.c: `checksum verification failed in file "…", block 3: calculated checksum … but block contains …`.
const DAMAGED = /checksum verification failed in file "([^"]+)", block (\d+)/g;

function numberOf(text: string, what: string): number | undefined {
  const number = new RegExp(`^${what}: +(\\d+)$`, 'm').exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
}
