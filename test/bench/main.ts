/**
 * `npm run bench`: how fast, how large and how greedy we are, beside pgBackRest and beside the limit of
 * the machine, interleaved in one run, so that the ratios hold on a machine that is busy or slow.
 *
 * `--gigabytes 1,4` sizes of the database (default 4) · `--rounds 3` · `--level 1` of zstd · `--json FILE`
 * · `--only NAME,…` of `trials.ts`, or part of the name of somebody who backs up and restores (default: all
 * of those) · `--folder DIR` where everything is written (default: a temporary one). Linux only, and as
 * root or as a user who can run PostgreSQL.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { peerLacks, startVersitygw } from '../support/peers.ts';
import { type Arena, type Contestant, contestants, type Measured } from './contestants.ts';
import { makeDatabase } from './database.ts';
import { type Bout, goalsOf, report, tables } from './report.ts';
import type { TrialReport } from './trial.ts';
import { TRIALS } from './trials.ts';

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    level: { type: 'string', default: '1' },
    folder: { type: 'string', default: tmpdir() },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const ACTIONS = ['backup', 'restore', 'table'] as const;
const bouts: Bout[] = [];
/** Asked to stop, it tells what it has measured, and leaves nothing behind. */
let isStopped = false;
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => {
    isStopped = true;
  });
const asked = values.only.split(',');
const fighters = asked.filter((name) => !TRIALS.has(name));
const trials: TrialReport[] = [];
for (const name of asked) await attempt(name);
if (fighters.length > 0) {
  for (const gigabytes of values.gigabytes.split(',').map(Number)) await measure(gigabytes);
  say(report(bouts));
}
if (values.json !== undefined) {
  const goals = fighters.length > 0 ? goalsOf(bouts) : [];
  await writeFile(values.json, `${JSON.stringify({ goals, bouts, trials }, undefined, 2)}\n`);
}

async function attempt(name: string): Promise<void> {
  const trial = TRIALS.get(name);
  if (trial === undefined || isStopped) return;
  const [rounds, level] = [Number(values.rounds), Number(values.level)];
  await inFolder(async (folder) => {
    const measured = await trial({ folder, rounds, level, say, isStopped: () => isStopped });
    trials.push(measured);
    say(`\n${measured.title}\n\n${tables(measured.rows, measured.goals)}\n`);
  });
}

async function measure(gigabytes: number): Promise<void> {
  say(`Making a database of ${gigabytes} GB …`);
  await using database = await makeDatabase(gigabytes);
  await using gateway = peerLacks('versitygw') === undefined ? await startVersitygw() : undefined;
  await inFolder(async (folder) =>
    fight({ database, folder, gateway, level: Number(values.level) }, gigabytes),
  );
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(values.folder, 'dbdr-bench-'));
  // The database's own user writes here, too.
  await chmod(folder, 0o755);
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fight(arena: Arena, gigabytes: number): Promise<void> {
  const { present, absent } = await contestants(arena);
  for (const name of absent) say(`Skipped: ${name}`);
  for (let round = 1; round <= Number(values.rounds); round++)
    for (const contestant of present)
      if (fighters.some((name) => contestant.name.includes(name)))
        await act(contestant, { gigabytes, round });
}

async function act(
  { name, actions }: Contestant,
  where: Pick<Bout, 'gigabytes' | 'round'>,
): Promise<void> {
  for (const action of ACTIONS) {
    if (isStopped) return;
    const measured = await actions[action]?.();
    if (measured !== undefined) add({ ...where, name, action }, measured);
  }
}

function add(where: Omit<Bout, 'measured'>, measured: Measured): void {
  bouts.push({ ...where, measured: { ...measured, output: '' } });
  const { wallSeconds, cpuSeconds, serverCpuSeconds, peakMiB } = measured;
  const words = [
    `${where.gigabytes} GB, round ${where.round}: ${where.name} ${where.action}`,
    `${wallSeconds.toFixed(2)} s`,
    `CPU ${cpuSeconds.toFixed(1)} + ${serverCpuSeconds.toFixed(1)} s`,
    `${peakMiB.toFixed(0)} MiB`,
  ];
  say(words.join(', '));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
