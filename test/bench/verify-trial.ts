/**
 * What a whole proof takes, beside the bare restore of the same backup with the same log, in turns. The
 * proof asks production, waits for its log, restores, compares, hashes, reads every index and page, and
 * tears down; the bare restore only restores, replays and tears down.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { archivingLease } from '../../src/archiving/deps.ts';
import { archivingService } from '../../src/archiving/services.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { restoreToScratch } from '../../src/recovery/point-in-time/restore.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { testServerName } from '../support/folder-archive.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';
import { type BenchDatabase, makeDatabase } from './database.ts';
import { type Goal, median, number, over } from './report.ts';
import type { TrialOptions, TrialReport } from './trial.ts';

const run = promisify(execFile);
const GIGABYTES = 1;
/** What has happened since the backup. */
const PGBENCH_SECONDS = 5;
const GOAL = 1.5;
const TAIL_SECONDS = 2;
const NAME = testServerName('shop');
/** `part` is the default: a seventh of the pages each day. */
const HASHES = ['part', 'all'] as const;
type Hash = (typeof HASHES)[number];

interface Measured {
  readonly name: 'bare restore' | `verify, hash ${Hash}`;
  readonly seconds: number;
  /** What took longest in it. */
  readonly longest: readonly (readonly [what: string, seconds: number])[];
}

export async function verify({ rounds, say, isStopped }: TrialOptions): Promise<TrialReport> {
  await using database = await makeDatabase(GIGABYTES);
  await using setting = await proofSetting(database.postgres, { verification: { hash: 'part' } });
  // A bot that proves archives all the time.
  await using archiving = await archive(setting);
  await setting.backUp();
  const lsn = await writeOn(database);
  await setting.archive();
  const all: Measured[] = [];
  for (let round = 1; round <= rounds; round++)
    for (const what of ['bare', ...HASHES] as const) {
      if (isStopped()) return report(all);
      archiving.assertRuns();
      const measured =
        what === 'bare' ? await restoreBare(setting, lsn) : await prove(setting, what);
      all.push(measured);
      say(`verify, round ${round}: ${words(measured)}`);
    }
  return report(all);
}

interface Archiving extends AsyncDisposable {
  /** @throws Error when it has ended */
  assertRuns(): void;
}

async function archive({
  catalog,
  archiving,
  deps: { recovery },
}: ProofSetting): Promise<Archiving> {
  const { clock, log } = recovery;
  const now = clock.now();
  const until = now.add({ hours: 2 });
  // As the supervisor does it for the service.
  await catalog.leases.take(archivingLease(NAME), 'bench', utcText(until), utcText(now));
  const server = { ...archiving, tailSeconds: TAIL_SECONDS };
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  let failure: unknown;
  const running = archivingService(server, { catalog, clock, log })
    .run({ signal: stop.signal, ready: ready.resolve })
    .catch((error: unknown) => {
      failure = error;
      ready.reject(error);
    });
  await ready.promise;
  return {
    assertRuns() {
      if (failure !== undefined) throw new Error('Archiving has ended', { cause: failure });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** Answers where the log ended then: a little more is stored of it. */
async function writeOn({ postgres }: BenchDatabase): Promise<Lsn> {
  const { socketDirectory, port, user } = postgres;
  const place = ['-h', socketDirectory, '-p', String(port), '-U', 'postgres'];
  const load = ['-n', '-c', '8', '-j', '2', '-T', String(PGBENCH_SECONDS), 'postgres'];
  await run('pgbench', [...place, ...load], {
    cwd: '/',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  const [row] = await postgres.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}

async function restoreBare({ deps: { recovery } }: ProofSetting, lsn: Lsn): Promise<Measured> {
  const server = NAME;
  const [store] = recovery.storesOf(server);
  if (store === undefined) throw new TypeError('There is a store');
  const { ring, clock } = recovery;
  const signal = new AbortController().signal;
  const place = { store: store.store, ring, signal };
  const beganMs = clock.elapsedMs();
  const { backups } = await recovery.engine.listBackups({ ...place, server });
  const [base] = backups;
  if (base === undefined) throw new TypeError('There is a backup');
  const folder = { server, major: base.major, systemId: base.systemId };
  const { segmentBytes } = base;
  const inventory = await recovery.walArchive.inventory({ ...place, folder, segmentBytes });
  const path = followWal(base, inventory);
  if (path === undefined) throw new TypeError('There is log');
  const target = { kind: 'lsn', asked: lsn, lsn } as const;
  const restored = await restoreToScratch(
    recovery,
    { server, store, base, path, target },
    testRun(),
  );
  const { restoreSeconds, replaySeconds } = restored.measured;
  await restored.discard();
  return {
    name: 'bare restore',
    seconds: (clock.elapsedMs() - beganMs) / 1000,
    longest: [
      ['files', restoreSeconds],
      ['log', replaySeconds],
    ],
  };
}

/** @throws Error when the proof does not pass, or proves less than it should */
async function prove(setting: ProofSetting, hash: Hash): Promise<Measured> {
  const result = await setting.verify(hashing(setting.deps, hash));
  if (result.verdict !== 'PASS' || result.mode !== 'exact')
    throw new Error(`A proof did not pass exactly: ${JSON.stringify(result)}`);
  const checks: VerifyResult['checks'] = result.checks;
  return {
    name: `verify, hash ${hash}`,
    seconds: result.seconds,
    longest: checks
      .map(({ check, seconds }) => [check, seconds] as const)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, 5),
  };
}

function hashing(deps: VerificationDeps, hash: Hash): VerificationDeps {
  const servers = Object.entries(deps.servers).map(
    ([name, server]) =>
      [name, { ...server, verification: { ...server.verification, hash } }] as const,
  );
  return { ...deps, servers: Object.fromEntries(servers) };
}

function words({ name, seconds, longest }: Measured): string {
  const parts = longest.map(([what, took]) => `${what} ${number(took, 1)}`);
  return `${name}: ${number(seconds, 2)} s (${parts.join(', ')})`;
}

function report(all: readonly Measured[]): TrialReport {
  function of(name: Measured['name']): number | undefined {
    const some = all.filter((one) => one.name === name).map(({ seconds }) => seconds);
    return some.length === 0 ? undefined : median(some);
  }
  const names = [...new Set(all.map(({ name }) => name))];
  const bare = of('bare restore');
  return {
    title: `A whole proof of ${GIGABYTES} GB beside the bare restore of the same backup and log`,
    rows: [
      ['what', 'wall s', '/ bare', 'longest in it, s'],
      ...names.map((name) => {
        const last = all.findLast((one) => one.name === name)?.longest ?? [];
        return [
          name,
          number(of(name), 2),
          number(over(of(name), bare), 2),
          last.map(([what, seconds]) => `${what} ${number(seconds, 1)}`).join(', '),
        ];
      }),
    ],
    goals: HASHES.map(
      (hash): Goal => ({
        goal: `verify, hash ${hash}, wall / bare restore`,
        // Production is hashed a seventh a day unless the config says more.
        atMost: hash === 'part' ? GOAL : undefined,
        measured: over(of(`verify, hash ${hash}`), bare),
      }),
    ),
  };
}
