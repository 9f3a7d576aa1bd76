/** An operation that makes something which outlives its process: a directory, claimed before. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Danger, Sweeper } from '../../src/gate/operation.ts';
import { type ToyOperation, toyOperation } from './toy-operation.ts';

/** Where a test may want the process to die. */
export const MOMENTS = [
  'asked',
  'approved',
  'claimed',
  'rechecked',
  'in a step',
  'resource claimed',
  'resource made',
  'resource released',
  'before the end',
  'ended',
] as const;
export type Moment = (typeof MOMENTS)[number];

export function markOperation(
  name: string,
  danger: Danger,
  options: { readonly folder: string; readonly at: (moment: Moment) => void },
): ToyOperation {
  const { folder, at } = options;
  return toyOperation(name, danger, {
    recheck() {
      at('rechecked');
      return Promise.resolve();
    },
    run: (_plan, run) =>
      run.step('make a directory', async () => {
        at('in a step');
        const path = join(folder, run.id);
        const claim = await run.claim({ kind: 'directory', reference: { path } });
        at('resource claimed');
        await mkdir(path);
        at('resource made');
        await rm(path, { recursive: true });
        await run.release(claim);
        at('resource released');
        return { ok: true };
      }),
  });
}

export function directorySweeper(): Sweeper {
  return {
    kind: 'directory',
    async sweep({ path }) {
      if (typeof path !== 'string') throw new TypeError('The claim names no path');
      await rm(path, { recursive: true, force: true });
    },
  };
}

export function hasDirectory(folder: string, runId: string): boolean {
  return existsSync(join(folder, runId));
}
