/** Asks every place for its copy of the ring, and holds the copies against each other. */
import { type Generations, ringOf } from '../encryption/generations.ts';
import type { KeyDanger, KeyKeeper, KeyPlace, PlaceLook } from '../encryption/key-keeper.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import { utcText } from '../kernel/codecs.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import type { KeyAt } from './report.ts';

export interface PlaceCopy {
  readonly place: string;
  /** Undefined: not even its list could be read. */
  readonly look: PlaceLook | undefined;
  readonly problem: Problem | undefined;
}

export async function lookAtPlaces(
  { places }: Pick<KeyKeeper, 'places'>,
  options: { readonly signal: AbortSignal },
): Promise<readonly PlaceCopy[]> {
  return await Promise.all(places.map(async (place) => await lookAt(place, options)));
}

async function lookAt(
  place: KeyPlace,
  options: { readonly signal: AbortSignal },
): Promise<PlaceCopy> {
  try {
    return { place: place.name, look: await place.look(options), problem: undefined };
  } catch (error) {
    if (!isProblem(error)) throw error;
    return { place: place.name, look: undefined, problem: error };
  }
}

/** Everything that any place could read: what there is when all else is lost. Pure. */
export function joinCopies(copies: readonly PlaceCopy[]): Generations {
  const readable = copies.flatMap(({ look }) => (look === undefined ? [] : [look.generations]));
  // A copy may be behind: the longest list has them all.
  const [longest] = readable.toSorted((a, b) => b.order.length - a.order.length);
  const keys = new Map(readable.toReversed().flatMap((one) => [...one.keys]));
  const unreadable = new Map(readable.toReversed().flatMap((one) => [...one.unreadable]));
  return { order: longest?.order ?? [], keys, unreadable, warnings: [] };
}

/** Undefined: no place has any key. */
export function ringOfCopies(generations: Generations): KeyRing | undefined {
  return generations.order.length === 0 ? undefined : ringOf(generations);
}

/** How each place stands with one generation. Pure. */
export function keyAtPlaces(
  keyId: string,
  copies: readonly PlaceCopy[],
  joined: Generations,
): readonly KeyAt[] {
  const wanted = joined.keys.get(keyId);
  return copies.map((copy) => {
    const { place, look } = copy;
    const deletedAt = look?.dangers.find((one) => one.keyId === keyId && one.at)?.at;
    const at = { place, deletedAt: deletedAt === undefined ? null : utcText(deletedAt) };
    const key = look?.generations.keys.get(keyId);
    if (key === undefined) return { ...at, ...whyNot(keyId, copy) };
    if (wanted?.equals(key) === true) return { ...at, readable: true, code: null, problem: null };
    const why = `${place} holds another key under the name "${keyId}" than the others`;
    return { ...at, readable: false, code: 'KEY_DIFFERS', problem: why };
  });
}

function whyNot(
  keyId: string,
  { place, look, problem }: PlaceCopy,
): Pick<KeyAt, 'readable' | 'code' | 'problem'> {
  const why = problem ?? look?.generations.unreadable.get(keyId);
  if (why === undefined)
    return { readable: false, code: 'KEY_NOT_FOUND', problem: `${place} does not list it` };
  const isSilent = why.kind.retry !== 'never';
  return { readable: isSilent ? null : false, code: why.kind.code, problem: why.message };
}

export function dangersOf(copies: readonly PlaceCopy[]): readonly KeyDanger[] {
  return copies.flatMap(({ look }) => look?.dangers ?? []);
}
