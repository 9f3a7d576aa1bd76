/**
 * How long what a client has committed is in one place only. A client commits, and asks then where the log
 * ends, which is behind its commit; its clock is read before it sends the commit, so that the commit itself
 * counts. The other end is the moment at which the receiver tells that everything before that position is
 * durable in the store, by the same machine's clock. Under load, and on a server where nothing else happens.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { peerLacks, startVersitygw } from '../support/peers.ts';
import type { TestPostgres } from '../support/postgres-cluster.ts';
import { type Goal, number } from './report.ts';
import type { TrialOptions, TrialReport } from './trial.ts';
import { nowMs } from './wal-marks.ts';
import { archivePushers } from './wal-pgbackrest.ts';
import { oursToBucket, oursToFolder, pgReceiveWal, type Receiver } from './wal-receivers.ts';
import { startWalServer, type WalServer } from './wal-server.ts';

const TAIL_SECONDS = 2;
const LOAD_SECONDS = 11;
const IDLE_SECONDS = 22;
/** Between two commits of the probe, at random: it must not keep step with the tail. */
const LOAD_GAP_MS = { min: 5, max: 35 };
const IDLE_GAP_MS = { min: 300, max: 1500 };
/** After the load has ended the last commit must still become durable. */
const DURABLE_MS = 20_000;
const GOAL_MS = 3000;

interface Sample {
  readonly lsn: Lsn;
  /** Before the commit was sent. */
  readonly atMs: number;
}

interface Measured {
  readonly name: string;
  readonly when: 'load' | 'idle';
  /** Transactions per second; undefined: idle. */
  readonly tps: number | undefined;
  /** Sorted, in milliseconds. */
  readonly latencies: readonly number[];
}

export async function latency(options: TrialOptions): Promise<TrialReport> {
  const { folder, level, say, isStopped } = options;
  await using server = await startWalServer();
  const { postgres } = server;
  await postgres.query('CREATE TABLE probe (id bigserial, at timestamptz DEFAULT now())');
  await using gateway = peerLacks('versitygw') === undefined ? await startVersitygw() : undefined;
  const arena = { postgres, folder, tailSeconds: TAIL_SECONDS, gateway };
  const prompt = pgReceiveWal(arena, {
    name: 'pg_receivewal, synchronous',
    args: ['--synchronous'],
  });
  const ours = [
    oursToFolder(arena),
    ...(gateway === undefined ? [] : [await oursToBucket(arena, gateway)]),
  ];
  const all: Measured[] = [];
  function add(measured: Measured): void {
    all.push(measured);
    const [load, commits, ...milliseconds] = cells(measured);
    say(`latency, ${measured.name}, ${load}: ${commits} commits, ${milliseconds.join(' / ')} ms`);
  }
  const pushers = (await archivePushers({ ...arena, level })).slice(0, 1);
  for (const receiver of [...ours, prompt, ...pushers]) {
    if (isStopped()) break;
    add(await underLoad(server, receiver));
  }
  // Nobody who waits for a commit disturbs another, so all are measured at once.
  if (!isStopped()) for (const measured of await whenIdle(server, [...ours, prompt])) add(measured);
  return report(all);
}

async function underLoad(server: WalServer, receiver: Receiver): Promise<Measured> {
  await using receiving = await receiver.start();
  // Much log at first, when pages are written whole, and less later.
  await server.checkpoint();
  const stop = new AbortController();
  const probing = probe(server.postgres, LOAD_GAP_MS, stop.signal);
  const { tps } = await server.pgbench(LOAD_SECONDS);
  stop.abort();
  const samples = await probing;
  // Whoever stores only whole segments gets the last one here.
  await receiving.marks.until(await server.endSegment(), DURABLE_MS);
  const latencies = latenciesOf(samples, (lsn) => receiving.marks.atMs(lsn));
  return { name: receiver.name, when: 'load', tps, latencies };
}

async function whenIdle(
  { postgres }: WalServer,
  receivers: readonly Receiver[],
): Promise<readonly Measured[]> {
  await using stack = new AsyncDisposableStack();
  const all: { readonly name: string; readonly atMs: (lsn: Lsn) => number | undefined }[] = [];
  for (const receiver of receivers) {
    const { marks } = stack.use(await receiver.start());
    all.push({ name: receiver.name, atMs: (lsn) => marks.atMs(lsn) });
  }
  const samples = await probe(postgres, IDLE_GAP_MS, AbortSignal.timeout(IDLE_SECONDS * 1000));
  await delay(DURABLE_IDLE_MS);
  return all.map(({ name, atMs }) => ({
    name,
    when: 'idle',
    tps: undefined,
    latencies: latenciesOf(samples, atMs),
  }));
}

/** Twice the goal: what is later than that is told as never. */
const DURABLE_IDLE_MS = 2 * GOAL_MS;

interface Gap {
  readonly min: number;
  readonly max: number;
}

async function probe(
  { socketDirectory: host, port }: TestPostgres,
  { min, max }: Gap,
  signal: AbortSignal,
): Promise<readonly Sample[]> {
  const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
  await client.connect();
  const samples: Sample[] = [];
  while (!signal.aborted) {
    const atMs = nowMs();
    await client.query('INSERT INTO probe DEFAULT VALUES');
    const { rows } = await client.query<{ lsn: string }>(
      'SELECT pg_current_wal_insert_lsn()::text AS lsn',
    );
    samples.push({ lsn: toLsn(rows[0]?.lsn ?? ''), atMs });
    await delay(randomInt(min, max));
  }
  await client.end();
  return samples;
}

/** What never became durable counts as endless. */
function latenciesOf(
  samples: readonly Sample[],
  durableAtMs: (lsn: Lsn) => number | undefined,
): readonly number[] {
  return samples
    .map(({ lsn, atMs }) => (durableAtMs(lsn) ?? Number.POSITIVE_INFINITY) - atMs)
    .toSorted((a, b) => a - b);
}

function share(latencies: readonly number[], part: number): number {
  return (
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? Number.NaN
  );
}

function cells({ when, tps, latencies }: Measured): readonly string[] {
  return [
    tps === undefined ? when : `${number(tps, 0)} tps`,
    String(latencies.length),
    ...[0.5, 0.99, 1].map((part) => number(share(latencies, part), 0)),
  ];
}

function report(all: readonly Measured[]): TrialReport {
  const goals = all
    .filter(({ name }) => name.startsWith('ours'))
    .map(
      ({ name, when, latencies }): Goal => ({
        goal: `${name}, ${when === 'idle' ? 'idle' : 'under load'}: p99 in ms`,
        atMost: GOAL_MS,
        measured: share(latencies, 0.99),
      }),
    );
  return {
    title: `From a commit to durable in the store, tail ${TAIL_SECONDS} s, in milliseconds`,
    rows: [
      ['who', 'load', 'commits', 'p50', 'p99', 'max'],
      ...all.map((measured) => [measured.name, ...cells(measured)]),
    ],
    goals,
  };
}
