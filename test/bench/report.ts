/** From measurements to two tables: what each took, and whether each goal is met. Pure. */
import type { Action, Measured } from './contestants.ts';

export interface Bout {
  readonly gigabytes: number;
  readonly round: number;
  readonly name: string;
  readonly action: Action;
  readonly measured: Measured;
}

export interface Goal {
  readonly goal: string;
  /** Undefined: nobody has set one, the ratio is only told. */
  readonly atMost: number | undefined;
  /** Undefined: somebody it needs was not measured. */
  readonly measured: number | undefined;
}

type Figure = (measured: Measured) => number;
const { wall, cpu, peak, stored, stall, stallCpu } = {
  wall: ({ wallSeconds }) => wallSeconds,
  cpu: ({ cpuSeconds, serverCpuSeconds }) => cpuSeconds + serverCpuSeconds,
  peak: ({ peakMiB }) => peakMiB,
  stored: ({ storedBytes = Number.NaN }) => storedBytes,
  stall: ({ stallMs = Number.NaN }) => stallMs,
  stallCpu: ({ stallCpuMs = Number.NaN }) => stallCpuMs,
} satisfies Record<string, Figure>;

export function goalsOf(bouts: readonly Bout[]): readonly Goal[] {
  const sizes = bouts.map(({ gigabytes }) => gigabytes);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  function of(name: string, action: Action, figure: Figure, gigabytes = most): number | undefined {
    const all = bouts.filter(
      (bout) => bout.name === name && bout.action === action && bout.gigabytes === gigabytes,
    );
    const value = median(all.map(({ measured }) => figure(measured)));
    return Number.isNaN(value) ? undefined : value;
  }
  const [folder, bucket, peer] = ['ours → directory', 'ours → bucket', 'pgBackRest'];
  const growth = (['backup', 'restore'] as const).map((action) =>
    least === most ? undefined : over(of(folder, action, peak), of(folder, action, peak, least)),
  );
  return [
    {
      goal: 'backup, wall / pgBackRest',
      atMost: 1,
      measured: over(of(folder, 'backup', wall), of(peer, 'backup', wall)),
    },
    {
      goal: 'backup, wall / limit',
      atMost: 1.6,
      measured: over(of(folder, 'backup', wall), of('limit', 'backup', wall)),
    },
    {
      goal: 'backup, CPU / pgBackRest (server included)',
      atMost: 1.2,
      measured: over(of(folder, 'backup', cpu), of(peer, 'backup', cpu)),
    },
    {
      goal: 'restore, wall / pgBackRest',
      atMost: 0.8,
      measured: over(of(folder, 'restore', wall), of(peer, 'restore', wall)),
    },
    {
      goal: 'one table, bytes read / its own stored bytes (index apart)',
      atMost: 1.1,
      measured: of(folder, 'table', tableShare),
    },
    { goal: 'backup to directory, MiB', atMost: 320, measured: of(folder, 'backup', peak) },
    { goal: 'restore from directory, MiB', atMost: 320, measured: of(folder, 'restore', peak) },
    { goal: 'backup to bucket, MiB', atMost: 400, measured: of(bucket, 'backup', peak) },
    { goal: 'restore from bucket, MiB', atMost: 400, measured: of(bucket, 'restore', peak) },
    { goal: `backup memory, ${most} GB / ${least} GB`, atMost: 1.1, measured: growth[0] },
    { goal: `restore memory, ${most} GB / ${least} GB`, atMost: 1.1, measured: growth[1] },
    {
      goal: 'stored bytes / pgBackRest',
      atMost: 1.1,
      measured: over(of(folder, 'backup', stored), of(peer, 'backup', stored)),
    },
    { goal: 'longest stall in a backup, ms', atMost: 50, measured: of(folder, 'backup', stall) },
    { goal: '  of it CPU of our own, ms', atMost: 50, measured: of(folder, 'backup', stallCpu) },
  ];
}

export function over(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

function tableShare({ readBytes = 0, indexBytes = 0, ownBytes = 0 }: Measured): number {
  return (readBytes - indexBytes) / ownBytes;
}

export function report(bouts: readonly Bout[]): string {
  const rows = bouts
    .filter(({ round }) => round === 1)
    .map(({ gigabytes, name, action }) => {
      const all = bouts.filter(
        (bout) => bout.gigabytes === gigabytes && bout.name === name && bout.action === action,
      );
      const [seconds, cpuSeconds, server, mebibytes, bytes, stallMs] = [
        wall,
        ({ cpuSeconds: own }: Measured) => own,
        ({ serverCpuSeconds }: Measured) => serverCpuSeconds,
        peak,
        stored,
        stall,
      ].map((figure) => median(all.map(({ measured }) => figure(measured))));
      return [
        `${gigabytes} GB`,
        `${name}, ${action}`,
        number(seconds, 2),
        `${number(cpuSeconds, 1)} + ${number(server, 1)}`,
        number(mebibytes, 0),
        bytes === 0 ? '' : number((bytes ?? Number.NaN) / 1e6, 0),
        number(stallMs, 0),
      ];
    });
  const head = ['size', 'who, what', 'wall s', 'CPU s + server', 'MiB', 'stored MB', 'stall ms'];
  return tables([head, ...rows], goalsOf(bouts));
}

/** `rows` begin with the names of their columns. */
export function tables(rows: readonly (readonly string[])[], goals: readonly Goal[]): string {
  const judged = goals.map(({ goal, atMost, measured }) => [
    goal,
    atMost === undefined ? '' : `≤ ${atMost}`,
    measured === undefined ? 'not measured' : number(measured, measured < 10 ? 2 : 0),
    verdict(atMost, measured),
  ]);
  return `${table(rows)}\n\n${table([['goal', '', 'measured', ''], ...judged])}`;
}

function verdict(atMost: number | undefined, measured: number | undefined): string {
  if (atMost === undefined || measured === undefined) return '';
  return measured <= atMost ? 'met' : 'MISSED';
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
