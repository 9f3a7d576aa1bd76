/** From measurements to a table: medians, ratios, and whether each goal is met. Pure. */
import type { Measured } from './contestants.ts';

export interface Bout {
  readonly gigabytes: number;
  readonly round: number;
  readonly name: string;
  readonly action: 'backup' | 'restore';
  readonly measured: Measured;
}

export function report(bouts: readonly Bout[]): string {
  const lines: string[] = [];
  for (const { gigabytes, name, action } of firstRounds(bouts)) {
    const all = bouts.filter(
      (bout) => bout.gigabytes === gigabytes && bout.name === name && bout.action === action,
    );
    const wall = median(all.map(({ measured }) => measured.wallSeconds));
    lines.push(`${gigabytes} GB ${name} ${action}: ${wall.toFixed(2)} s`);
  }
  return lines.join('\n');
}

function firstRounds(bouts: readonly Bout[]): readonly Bout[] {
  return bouts.filter(({ round }) => round === 1);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
