/**
 * What receiving costs the server's clients: transactions per second of `pgbench` with a receiver beside it
 * against without, turn by turn, each pair compared with itself. Everything shares the cores of one
 * machine, so a receiver's own work counts in full, which it does not where the bot has a machine of its own.
 */
import { type Goal, median, number } from './report.ts';
import type { TrialOptions, TrialReport } from './trial.ts';
import { oursToFolder, pgReceiveWal, type Receiver } from './wal-receivers.ts';
import { startWalServer, type WalServer } from './wal-server.ts';

const TAIL_SECONDS = 2;
const SECONDS = 5;
const GOAL_PERCENT = 5;

interface Pair {
  readonly name: string;
  readonly without: number;
  readonly with: number;
  /** What the receiver used of one core. */
  readonly cores: number;
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
  for (let round = 1; round <= rounds; round++)
    for (const receiver of receivers) {
      if (isStopped()) break;
      const pair = await compare(server, receiver, round);
      pairs.push(pair);
      say(`throughput, round ${round}: ${words(pair)}`);
    }
  return report(pairs);
}

/** Who begins changes from round to round: the machine may become slower by the minute. */
async function compare(server: WalServer, receiver: Receiver, round: number): Promise<Pair> {
  const { name } = receiver;
  const before = round % 2 === 1 ? await alone(server) : undefined;
  const { tps, cores } = await beside(server, receiver);
  return { name, with: tps, cores, without: before ?? (await alone(server)) };
}

async function alone(server: WalServer): Promise<number> {
  await server.checkpoint();
  return (await server.pgbench(SECONDS)).tps;
}

async function beside(
  server: WalServer,
  receiver: Receiver,
): Promise<{ readonly tps: number; readonly cores: number }> {
  await using receiving = await receiver.start();
  await server.checkpoint();
  const before = await receiving.cpuSeconds();
  const { tps, seconds } = await server.pgbench(SECONDS);
  return { tps, cores: ((await receiving.cpuSeconds()) - before) / seconds };
}

function words(pair: Pair): string {
  const { name, without, cores } = pair;
  const tps = `${number(without, 0)} tps without, ${number(pair.with, 0)} with`;
  return `${name}: ${tps}, ${number(lossPercent(pair), 1)} % lost, ${number(cores, 2)} cores`;
}

function lossPercent(pair: Pair): number {
  return (1 - pair.with / pair.without) * 100;
}

function report(pairs: readonly Pair[]): TrialReport {
  const names = [...new Set(pairs.map(({ name }) => name))];
  const figures = names.map((name) => {
    const own = pairs.filter((pair) => pair.name === name);
    return {
      name,
      without: median(own.map((pair) => pair.without)),
      tps: median(own.map((pair) => pair.with)),
      loss: median(own.map(lossPercent)),
      cores: median(own.map(({ cores }) => cores)),
    };
  });
  return {
    title: 'What receiving costs: pgbench -c 8 -j 2 right after a checkpoint',
    rows: [
      ['who', 'tps without', 'tps with', 'lost %', 'cores of its own'],
      ...figures.map(({ name, without, tps, loss, cores }) => [
        name,
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
