/** The trials that `--only` knows, by name. */
import { latency } from './latency-trial.ts';
import { loss } from './loss-trial.ts';
import { replay } from './replay-trial.ts';
import { throughput } from './throughput-trial.ts';
import type { Trial } from './trial.ts';
import { verify } from './verify-trial.ts';
import { wal } from './wal-trial.ts';

export const TRIALS: ReadonlyMap<string, Trial> = new Map<string, Trial>([
  ['wal', wal],
  ['latency', latency],
  ['loss', loss],
  ['replay', replay],
  ['throughput', throughput],
  ['verify', verify],
]);
