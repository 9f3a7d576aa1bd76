/**
 * `npm run bench`: how fast, how large and how greedy we are, beside pgBackRest and beside the limit of
 * the machine, interleaved in one run, so that the ratios hold on a machine that is busy or slow.
 *
 * `--gigabytes 1,4` sizes of the database (default 4) · `--rounds 3` · `--level 1` of zstd · `--json FILE`
 * · `--folder DIR` where everything is written (default: a temporary one). Linux only, and as root or as
 * a user who can run PostgreSQL.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { type Arena, contestants, type Measured } from './contestants.ts';
import { makeDatabase } from './database.ts';
import { type Bout, report } from './report.ts';

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
const bouts: Bout[] = [];
for (const gigabytes of values.gigabytes.split(',').map(Number)) await measure(gigabytes);
say(report(bouts));
if (values.json !== undefined) await writeFile(values.json, JSON.stringify(bouts, undefined, 2));

async function measure(gigabytes: number): Promise<void> {
  say(`Making a database of ${gigabytes} GB …`);
  await using database = await makeDatabase(gigabytes);
  const folder = await mkdtemp(join(values.folder, 'dbdr-bench-'));
  // The database's own user writes here, too.
  await chmod(folder, 0o755);
  try {
    await fight({ database, folder, level: Number(values.level) }, gigabytes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fight(arena: Arena, gigabytes: number): Promise<void> {
  const { present, absent } = await contestants(arena);
  for (const name of absent) say(`Skipped: ${name}`);
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const { name, backup, restore } of present) {
      if (!name.includes(values.only)) continue;
      add({ gigabytes, round, name, action: 'backup' }, await backup());
      add({ gigabytes, round, name, action: 'restore' }, await restore());
    }
  }
}

function add(where: Omit<Bout, 'measured'>, measured: Measured): void {
  bouts.push({ ...where, measured: { ...measured, output: '' } });
  const { wallSeconds, cpuSeconds, serverCpuSeconds, peakMiB, stallMs } = measured;
  say(
    `${where.gigabytes} GB, round ${where.round}: ${where.name} ${where.action} ` +
      `${wallSeconds.toFixed(2)} s, CPU ${cpuSeconds.toFixed(1)} + ${serverCpuSeconds.toFixed(1)} s, ` +
      `${peakMiB.toFixed(0)} MiB, ${((measured.storedBytes ?? 0) / 1e6).toFixed(0)} MB` +
      (stallMs === undefined
        ? ''
        : `, stall ${stallMs.toFixed(0)} ms (CPU ${measured.stallCpuMs?.toFixed(0)} ms)`),
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
