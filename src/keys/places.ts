/**
 * Asks every place for its copy of the ring, and holds the copies against each other. No place is believed
 * more than another: where they differ only what is stored can tell which is right.
 */
import type { KeyDanger, KeyKeeper, KeyPlace, PlaceLook } from '../encryption/key-keeper.ts';
import { utcText } from '../kernel/codecs.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { KEY_DIFFERS, type KeyAt, type Proof } from './report.ts';

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

/** Of all generations, oldest first: a copy may be behind, the longest list has them all. Pure. */
export function orderOf(copies: readonly PlaceCopy[]): readonly string[] {
  const lists = copies.flatMap(({ look }) => (look === undefined ? [] : [look.generations.order]));
  return lists.toSorted((a, b) => b.length - a.length)[0] ?? [];
}

/** Places that hold the same bytes under one name. */
export interface Holders {
  /** Secret. */
  readonly key: Buffer;
  readonly places: readonly string[];
}

/** More than one: the places differ. Pure. */
export function holdersOf(keyId: string, copies: readonly PlaceCopy[]): readonly Holders[] {
  const groups: { readonly key: Buffer; readonly places: string[] }[] = [];
  for (const { place, look } of copies) {
    const key = look?.generations.keys.get(keyId);
    if (key === undefined) continue;
    const same = groups.find((one) => one.key.equals(key));
    if (same === undefined) groups.push({ key, places: [place] });
    else same.places.push(place);
  }
  return groups;
}

/** Which of several keys of one name is right, as far as what is stored tells. */
export interface Differing {
  /** Undefined: nobody can tell, or each is needed. */
  readonly right: Holders | undefined;
  /** One sentence. */
  readonly why: string;
}

export interface Tried {
  readonly keyId: string;
  readonly holders: readonly Holders[];
  /** Those whose key has decrypted something. */
  readonly opened: ReadonlySet<Holders>;
  readonly proofs: readonly Proof[];
  /** Every store has told what it holds. */
  readonly isWhole: boolean;
}

/** Undefined: they do not differ. Pure. */
export function differingOf(tried: Tried): Differing | undefined {
  const { keyId, holders, opened, proofs, isWhole } = tried;
  if (holders.length < 2) return undefined;
  const openers = holders.filter((one) => opened.has(one));
  const isSure = isWhole && proofs.every(({ proved }) => proved === true);
  const [first] = openers;
  if (first !== undefined && openers.length === 1 && isSure) {
    const wrong = holders.filter((one) => one !== first);
    const verb = wrong.flatMap(({ places }) => places).length === 1 ? 'holds' : 'hold';
    const why = `${named(wrong)} ${verb} another key under the name "${keyId}" than ${named([first])}, whose key decrypts the oldest and the newest of what is stored`;
    return { right: first, why };
  }
  const why = `${named(holders)} hold different keys under the name "${keyId}"`;
  return { right: undefined, why: `${why}, and ${untold(tried, openers)}` };
}

function untold({ proofs, isWhole }: Tried, openers: readonly Holders[]): string {
  if (openers.length > 1) return 'each of them decrypts a part of what is stored';
  if (!isWhole || proofs.some(({ proved }) => proved === null))
    return 'not all of what is stored could be read to tell which is right';
  if (proofs.length === 0) return 'nothing is stored that tells which is right';
  // What it does not decrypt may be damaged, or need a key that nobody has any more.
  return openers.length === 0
    ? 'none of them decrypts the oldest and the newest of what is stored'
    : `the key of ${named(openers)} decrypts only a part of the oldest and the newest of what is stored`;
}

function named(holders: readonly Holders[]): string {
  return holders.flatMap(({ places }) => places).join(' and ');
}

/** How each place stands with one generation. `differing`: undefined where they agree. Pure. */
export function keyAtPlaces(
  keyId: string,
  copies: readonly PlaceCopy[],
  differing: Differing | undefined,
): readonly KeyAt[] {
  return copies.map((copy) => {
    const { place, look } = copy;
    const deletedAt = look?.dangers.find((one) => one.keyId === keyId && one.at)?.at;
    const at = { place, deletedAt: deletedAt === undefined ? null : utcText(deletedAt) };
    if (look?.generations.keys.get(keyId) === undefined) return { ...at, ...whyNot(keyId, copy) };
    if (differing === undefined || differing.right?.places.includes(place) === true)
      return { ...at, readable: true, code: null, problem: null };
    const readable = differing.right === undefined ? null : false;
    return { ...at, readable, code: KEY_DIFFERS, problem: differing.why };
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
