/**
 * Writes down in the store, before the first segment goes, up to where log is being thinned out: from then
 * on whoever looks for holes, today or with a new catalogue, tells these from those that nobody made.
 */
import { Readable } from 'node:stream';

import type { KeyRing } from '../encryption/key-ring.ts';
import { encryptObject } from '../encryption/object.ts';
import { readThinnedKey, thinnedKey, thinnedPrefix } from '../engines/streaming/wal-format.ts';
import type { WalThinned } from '../engines/wal-archive.ts';
import type { ServerName } from '../kernel/ids.ts';
import { compareLsn, toLsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { WalRule } from './wal-rule.ts';

const LAST_TIMELINE = 0xff_ff_ff_ff;
const LAST_LSN = 'FFFFFFFF/FFFFFFFF';

/** What all of the rules let go lies before it. Pure. */
export function markOf(rules: readonly Pick<WalRule, 'from'>[]): WalThinned {
  const from = rules.flatMap((rule) => rule.from);
  const lsns = from.map(({ lsn }) => toLsn(lsn)).toSorted(compareLsn);
  return {
    timeline: Math.min(LAST_TIMELINE, ...from.map(({ timeline }) => timeline)),
    lsn: lsns[0] ?? toLsn(LAST_LSN),
  };
}

export interface Marking {
  readonly store: ObjectStore;
  readonly ring: KeyRing;
  readonly server: ServerName;
  readonly rule: Pick<WalRule, 'major' | 'systemId'>;
  readonly mark: WalThinned;
  readonly signal: AbortSignal;
}

/** Marks that a later one covers go, where they may. */
export async function writeMark(marking: Marking): Promise<void> {
  const { store, ring, server, rule, mark, signal } = marking;
  const folder = { server, major: rule.major, systemId: rule.systemId };
  const key = thinnedKey(folder, mark);
  if ((await store.stat(key, { signal })) === undefined) {
    const identity = { systemId: rule.systemId, name: key };
    const sealed = encryptObject([Buffer.from('{}')], { ring, identity });
    await store.put(key, Readable.from(sealed, { objectMode: false }), { signal });
  }
  for await (const { key: other } of store.list(thinnedPrefix(folder), { signal })) {
    const older = readThinnedKey(other);
    if (other === key || older === undefined || !isCovered(older, mark)) continue;
    await store.remove(other, { signal }).catch((error: unknown) => {
      // Without the right to remove they stay, and harm nobody.
      if (!isProblem(error)) throw error;
    });
  }
}

function isCovered(older: WalThinned, { timeline, lsn }: WalThinned): boolean {
  return older.timeline <= timeline && compareLsn(older.lsn, lsn) <= 0;
}
