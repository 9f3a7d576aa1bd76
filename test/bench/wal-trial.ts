/**
 * How fast the log gets from a server to where it is kept: live beside `pgbench` that has just had a
 * checkpoint (so that it writes whole pages), live beside one loader that writes as fast as it goes, and a
 * backlog, which shows what a receiver can do when no server holds it up. The clock stops when everything
 * that was written is durable at the receiver. All read the same backlog.
 */
import type { Lsn } from '../../src/kernel/lsn.ts';
import { peerLacks, startVersitygw } from '../support/peers.ts';
import { type Goal, median, number, over } from './report.ts';
import type { TrialOptions, TrialReport } from './trial.ts';
import { nowMs } from './wal-marks.ts';
import { archivePushers } from './wal-pgbackrest.ts';
import {
  oursToBucket,
  oursToFolder,
  pgReceiveWal,
  type Receiver,
  type ReceiverArena,
} from './wal-receivers.ts';
import { startWalServer, type WalServer } from './wal-server.ts';

const PGBENCH_SECONDS = 2;
const LIVE_MEGABYTES = 128;
const BACKLOG_MEGABYTES = 256;
const TAIL_SECONDS = 2;
const DURABLE_MS = 120_000;
const BACKLOG_SLOT = 'backlog';

const ACTIONS = ['pgbench', 'bulk', 'backlog'] as const;
type Action = (typeof ACTIONS)[number];

interface Measured {
  readonly name: string;
  readonly action: Action;
  readonly bytes: number;
  /** From the first byte to all of them durable. */
  readonly seconds: number;
  /** Of them, after the last byte was written. */
  readonly lateSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

export async function wal(options: TrialOptions): Promise<TrialReport> {
  const { folder, level, rounds, say, isStopped } = options;
  await using server = await startWalServer();
  const { postgres } = server;
  await using gateway = peerLacks('versitygw') === undefined ? await startVersitygw() : undefined;
  const arena = { postgres, folder, tailSeconds: TAIL_SECONDS, gateway };
  const receivers = await allReceivers({ ...arena, level }, say);
  const backlog = await makeBacklog(server);
  const all: Measured[] = [];
  for (const { round, receiver, action } of bouts(receivers, rounds)) {
    if (isStopped()) break;
    const { name } = receiver;
    const figures = await measure(action, { server, receiver, backlog });
    const measured = { ...figures, name, action };
    all.push(measured);
    say(`wal, round ${round}: ${name}, ${action}: ${words(measured)}`);
  }
  return report(all);
}

async function allReceivers(
  arena: ReceiverArena & { readonly level: number },
  say: TrialOptions['say'],
): Promise<readonly Receiver[]> {
  const { gateway } = arena;
  const pushers = await archivePushers(arena);
  if (pushers.length === 0) say('Skipped: pgBackRest: install Debian’s package "pgbackrest"');
  if (gateway === undefined) say(`Skipped: a bucket: ${peerLacks('versitygw') ?? ''}`);
  return [
    oursToFolder(arena),
    ...(gateway === undefined ? [] : [await oursToBucket(arena, gateway)]),
    pgReceiveWal(arena, { name: 'pg_receivewal', args: [] }),
    pgReceiveWal(arena, { name: 'pg_receivewal, lz4', args: ['--compress=lz4'] }),
    ...pushers,
  ];
}

interface Turn {
  readonly round: number;
  readonly receiver: Receiver;
  readonly action: Action;
}

/** Nobody is always measured first. */
function bouts(receivers: readonly Receiver[], rounds: number): readonly Turn[] {
  return Array.from({ length: rounds }, (_, index) => index + 1).flatMap((round) =>
    (round % 2 === 1 ? receivers : receivers.toReversed()).flatMap((receiver) =>
      ACTIONS.map((action) => ({ round, receiver, action })),
    ),
  );
}

interface Backlog {
  readonly bytes: number;
  readonly endLsn: Lsn;
}

/** What the slot keeps, and nobody has received. */
async function makeBacklog(server: WalServer): Promise<Backlog> {
  await server.endSegment();
  await server.postgres.query(
    `SELECT pg_create_physical_replication_slot('${BACKLOG_SLOT}', true)`,
  );
  const load = await server.bulk(BACKLOG_MEGABYTES);
  return { bytes: load.bytes, endLsn: await server.endSegment() };
}

interface Bout {
  readonly server: WalServer;
  readonly receiver: Receiver;
  readonly backlog: Backlog;
}

async function measure(action: Action, bout: Bout): Promise<Omit<Measured, 'name' | 'action'>> {
  const { server, receiver, backlog } = bout;
  const isBacklog = action === 'backlog';
  // pgbench's pages are written whole after it, by whomever is measured.
  if (action === 'pgbench') await server.checkpoint();
  await using receiving = await receiver.start(isBacklog ? { backlog: BACKLOG_SLOT } : {});
  const cpuBefore = isBacklog ? 0 : await receiving.cpuSeconds();
  const beganMs = isBacklog ? receiving.begunMs : nowMs();
  const { bytes, endLsn } = isBacklog ? backlog : await write(action, server);
  const writtenMs = isBacklog ? beganMs : nowMs();
  const durableMs = await receiving.marks.until(endLsn, DURABLE_MS);
  return {
    bytes,
    seconds: (durableMs - beganMs) / 1000,
    lateSeconds: Math.max(0, durableMs - writtenMs) / 1000,
    cpuSeconds: (await receiving.cpuSeconds()) - cpuBefore,
    peakMiB: await receiving.peakMiB(),
  };
}

async function write(action: Action, server: WalServer): Promise<Backlog> {
  const load =
    action === 'pgbench'
      ? await server.pgbench(PGBENCH_SECONDS)
      : await server.bulk(LIVE_MEGABYTES);
  return { bytes: load.bytes, endLsn: await server.endSegment() };
}

function words({ bytes, seconds, lateSeconds, cpuSeconds, peakMiB }: Measured): string {
  return [
    `${number(rate({ bytes, seconds }), 1)} MB/s`,
    `${number(lateSeconds, 2)} s late`,
    `CPU ${number(cpuSeconds, 2)} s`,
    `${number(peakMiB, 0)} MiB`,
  ].join(', ');
}

function rate({ bytes, seconds }: Pick<Measured, 'bytes' | 'seconds'>): number {
  return bytes / 1e6 / seconds;
}

function report(all: readonly Measured[]): TrialReport {
  function of(name: string, action: Action, figure: (one: Measured) => number): number | undefined {
    const some = all.filter((one) => one.name === name && one.action === action);
    return some.length === 0 ? undefined : median(some.map(figure));
  }
  const names = [...new Set(all.map(({ name }) => name))];
  const rows = ACTIONS.flatMap((action) =>
    names.map((name) => [
      `${name}, ${action}`,
      number(of(name, action, rate), 1),
      action === 'backlog'
        ? ''
        : number(
            of(name, action, ({ lateSeconds }) => lateSeconds),
            2,
          ),
      number(
        of(name, action, ({ cpuSeconds, bytes }) => (cpuSeconds * 1e9) / bytes),
        1,
      ),
      number(
        of(name, action, ({ peakMiB }) => peakMiB),
        0,
      ),
    ]),
  );
  return {
    title: 'Log received and stored: written live, and a backlog that everybody reads anew',
    rows: [['who, what', 'MB/s', 'late s', 'CPU s per GB', 'MiB'], ...rows],
    goals: GOALS.flatMap(({ peer, atMost }) =>
      (['bulk', 'backlog'] as const).map(
        (action): Goal => ({
          goal: `${action}, time of ours → directory / ${peer}`,
          atMost: atMost[action],
          measured: over(of(peer, action, rate), of(OURS, action, rate)),
        }),
      ),
    ),
  };
}

const OURS = 'ours → directory';
/** Against those who compress and encrypt as we do; the others are only told. */
const GOALS = [
  { peer: 'pgBackRest', atMost: { bulk: 1, backlog: 1 } },
  { peer: 'pgBackRest, async', atMost: { bulk: 1, backlog: 1 } },
  { peer: 'pg_receivewal, lz4', atMost: { bulk: undefined, backlog: undefined } },
  { peer: 'pg_receivewal', atMost: { bulk: undefined, backlog: undefined } },
];
