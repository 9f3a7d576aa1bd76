/** The trials that `--only` knows, by name. */
import type { Trial } from './trial.ts';

export const TRIALS: ReadonlyMap<string, Trial> = new Map<string, Trial>([]);
