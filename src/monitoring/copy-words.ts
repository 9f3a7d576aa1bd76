/** How the copies of a server stand, in words: a label and a value for each. Pure. */
import { z } from 'zod';

import type { Json } from '../kernel/codecs.ts';
import { formatSeconds } from '../kernel/moment.ts';
import { StoreStanding } from './store-standing.ts';

const Stores = z.array(StoreStanding);

/** Of what `status` says in `stores`. Empty: there is only one store, which the other facts tell of. */
export function copyFacts(stores: Json | undefined): readonly (readonly [string, string])[] {
  const read = Stores.safeParse(stores);
  if (!read.success) return [];
  return read.data
    .filter(({ isFirst }) => !isFirst)
    .map((one) => [`Copy in ${one.store}`, sayCopy(one)]);
}

function sayCopy({ backups, behindSeconds, lateBackups, counts }: StoreStanding): string {
  const log = sayLog(behindSeconds);
  const held = backups === 1 ? '1 backup' : `${backups} backups`;
  const late = lateBackups.length;
  const lacks = late === 0 ? '' : `, ${late} not there yet`;
  return `${log}, ${held}${lacks}${counts ? '' : '; not waited for'}`;
}

function sayLog(behindSeconds: number | null): string {
  if (behindSeconds === null) return 'no log yet';
  return behindSeconds === 0 ? 'level' : `${formatSeconds(behindSeconds)} behind`;
}
