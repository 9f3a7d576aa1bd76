/** Which generations a server's objects in one store need, how many, and the oldest and newest of each. */
import { isProblem } from '../kernel/problem.ts';
import type { ObjectKey, ObjectStore } from '../storage/object-store.ts';
import { OBJECT_MISSING } from '../storage/problems.ts';
import { generationRuns } from './generation-runs.ts';
import { keyIdOf, listRows, type ObjectRow, type StoreOfServer } from './stored-objects.ts';

export interface NeededKey {
  readonly keyId: string;
  readonly kind: ObjectRow['kind'];
  /** Those between two that were looked at and agree are counted with them. */
  readonly objects: number;
  readonly oldest: LocatedObject;
  readonly newest: LocatedObject;
}

export interface LocatedObject {
  readonly key: ObjectKey;
  readonly systemId: string;
}

export interface Needed {
  readonly keys: readonly NeededKey[];
  /** How many headers were read for it. */
  readonly headersRead: number;
  /** One sentence for each object whose header does not say which key it needs. */
  readonly unclear: readonly string[];
}

/** A rotation shows in the ends of a backup; over a timeline's WAL more are looked at. */
const BACKUP_SAMPLES = 2;
const ROW_SAMPLES = 32;
/** Rows that are looked at at once. */
const LANES = 8;

/** @throws Problem STORAGE_* */
export async function neededKeys(place: StoreOfServer): Promise<Needed> {
  const { store, signal } = place;
  const rows = await listRows(place);
  const looks = { headersRead: 0, unclear: [] as string[] };
  const found = await inLanes(rows, async (row) => await keysOfRow(row, { store, signal, looks }));
  const merged = new Map<string, NeededKey>();
  for (const one of found.flat()) {
    const id = `${one.kind} ${one.keyId}`;
    const before = merged.get(id);
    const objects = one.objects + (before?.objects ?? 0);
    merged.set(id, { ...one, oldest: before?.oldest ?? one.oldest, objects });
  }
  return { keys: [...merged.values()], ...looks };
}

interface Looking {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly looks: { headersRead: number; readonly unclear: string[] };
}

async function keysOfRow(
  { keys, kind, systemId }: ObjectRow,
  { store, signal, looks }: Looking,
): Promise<readonly NeededKey[]> {
  async function look(index: number): Promise<string | undefined> {
    const key = keys[index];
    if (key === undefined) return undefined;
    looks.headersRead += 1;
    try {
      return await keyIdOf({ store, key, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error) || error.kind.retry !== 'never') throw error;
      // Tails are joined and expired backups removed meanwhile: what is gone needs no key.
      if (error.kind.code !== OBJECT_MISSING.code) looks.unclear.push(error.message);
      return undefined;
    }
  }

  const samples = kind === 'backup' ? BACKUP_SAMPLES : ROW_SAMPLES;
  const runs = await generationRuns({ count: keys.length, samples, keyIdOf: look });
  return runs.flatMap(({ keyId, first, last }) => {
    const [oldest, newest] = [keys[first], keys[last]];
    if (oldest === undefined || newest === undefined) return [];
    return [
      {
        keyId,
        kind,
        objects: last - first + 1,
        oldest: { key: oldest, systemId },
        newest: { key: newest, systemId },
      },
    ];
  });
}

/** The answers in the order of the rows. */
async function inLanes<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const answers = new Map<number, R>();
  const waiting = [...items.entries()];
  async function lane(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      answers.set(next[0], await work(next[1]));
  }
  await Promise.all(Array.from({ length: LANES }, lane));
  return [...answers].toSorted(([a], [b]) => a - b).map(([, answer]) => answer);
}
