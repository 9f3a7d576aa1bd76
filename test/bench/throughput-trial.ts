/**
 * What receiving costs the server's clients: transactions per second of `pgbench` with a receiver beside it
 * against without, turn by turn, each pair compared with itself. In the steady state, and right after a
 * checkpoint, when pages are written whole and there is ten times the log. Everything shares the cores and
 * the disk of one machine, so a receiver's own work counts in full, as it does not where the bot runs elsewhere.
 */
import { type Goal, median, number } from './report.ts';
import type { TrialOptions, TrialReport } from './trial.ts';
import { oursToFolder, pgReceiveWal, type Receiver } from './wal-receivers.ts';
import { startWalServer, type WalServer } from './wal-server.ts';

const TAIL_SECONDS = 2;
const SECONDS = 5;
/** Every page that `pgbench` changes has been written whole by then. */
const WARM_SECONDS = 6;
const START_SECONDS = 2;
const GOAL_PERCENT = 5;

type When = 'steady' | 'after a checkpoint';

interface Pair {
  readonly name: string;
  readonly when: When;
  readonly without: number;
  readonly with: number;
  /** What the receiver used of one core. */
  readonly cores: number;
  readonly megabytesPerSecond: number;
}

export async function throughput(options: TrialOptions): Promise<TrialReport> {
  const { folder, rounds, say, isStopped } = options;
  await using server = await startWalServer();
  const { postgres } = server;
  const arena = { postgres, folder, tailSeconds: TAIL_SECONDS, gateway: undefined };
  const receivers = [
    oursToFolder(arena),
    pgReceiveWal(arena, { name: 'pg_receivewal, synchronous', args: ['--synchronous'] }),
  ];
  const pairs: Pair[] = [];
  // All that is steady comes before a checkpoint begins anew.
  for (const when of ['steady', 'after a checkpoint'] as const) {
    if (when === 'steady') await server.pgbench(WARM_SECONDS);
    for (const { receiver, round } of turns(receivers, rounds)) {
      if (isStopped()) break;
      const pair = await compare({ server, receiver, when }, round);
      pairs.push(pair);
      say(`throughput, round ${round}: ${words(pair)}`);
    }
  }
  return report(pairs);
}

interface Turn {
  readonly receiver: Receiver;
  readonly round: number;
}

function turns(receivers: readonly Receiver[], rounds: number): readonly Turn[] {
  return Array.from({ length: rounds }, (_, index) =>
    receivers.map((receiver) => ({ receiver, round: index + 1 })),
  ).flat();
}

interface Setting {
  readonly server: WalServer;
  readonly receiver: Receiver;
  readonly when: When;
}

/** Who begins changes from round to round: the machine may become slower by the minute. */
async function compare(setting: Setting, round: number): Promise<Pair> {
  const before = round % 2 === 1 ? (await bench(setting)).tps : undefined;
  const beside = await besideReceiver(setting);
  return {
    name: setting.receiver.name,
    when: setting.when,
    without: before ?? (await bench(setting)).tps,
    with: beside.tps,
    cores: beside.cores,
    megabytesPerSecond: beside.bytes / 1e6 / beside.seconds,
  };
}

async function besideReceiver(setting: Setting): Promise<Bench & { readonly cores: number }> {
  await using receiving = await setting.receiver.start();
  // A bot has been running for days: its code is compiled by then.
  await setting.server.pgbench(START_SECONDS);
  const before = await receiving.cpuSeconds();
  const measured = await bench(setting);
  return { ...measured, cores: ((await receiving.cpuSeconds()) - before) / measured.seconds };
}

type Bench = Awaited<ReturnType<WalServer['pgbench']>>;

async function bench({ server, when }: Omit<Setting, 'receiver'>): Promise<Bench> {
  if (when !== 'steady') await server.checkpoint();
  return await server.pgbench(SECONDS);
}

function words(pair: Pair): string {
  const { name, when, without, cores } = pair;
  const tps = `${number(without, 0)} tps without, ${number(pair.with, 0)} with`;
  return `${name}, ${when}: ${tps}, ${number(lossPercent(pair), 1)} % lost, ${number(cores, 2)} cores`;
}

function lossPercent(pair: Pair): number {
  return (1 - pair.with / pair.without) * 100;
}

function report(pairs: readonly Pair[]): TrialReport {
  const who = [...new Set(pairs.map(({ name, when }) => `${name}, ${when}`))];
  const figures = who.map((name) => {
    const own = pairs.filter((pair) => `${pair.name}, ${pair.when}` === name);
    return {
      name,
      without: median(own.map((pair) => pair.without)),
      tps: median(own.map((pair) => pair.with)),
      loss: median(own.map(lossPercent)),
      cores: median(own.map(({ cores }) => cores)),
      log: median(own.map(({ megabytesPerSecond }) => megabytesPerSecond)),
    };
  });
  return {
    title: 'What receiving costs pgbench -c 8 -j 2, on the same machine',
    rows: [
      ['who, when', 'log MB/s', 'tps without', 'tps with', 'lost %', 'cores of its own'],
      ...figures.map(({ name, log, without, tps, loss, cores }) => [
        name,
        number(log, 1),
        number(without, 0),
        number(tps, 0),
        number(loss, 1),
        number(cores, 2),
      ]),
    ],
    goals: figures.map(
      ({ name, loss }): Goal => ({
        goal: `throughput lost to ${name}, %`,
        atMost: name.startsWith('ours') ? GOAL_PERCENT : undefined,
        measured: loss,
      }),
    ),
  };
}
