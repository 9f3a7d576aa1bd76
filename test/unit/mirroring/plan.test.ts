/** What is copied, and in which order, from any two listings. */
import { randomBytes } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import {
  type Joined,
  joinListings,
  planBackups,
  planTails,
  planWal,
  type Step,
} from '../../../src/mirroring/plan.ts';
import { isObjectKey, type ObjectInfo, type ObjectKey } from '../../../src/storage/object-store.ts';

type Listing = ReadonlyMap<string, number>;

function key(text: string): ObjectKey {
  if (!isObjectKey(text)) throw new TypeError(text);
  return text;
}

async function* listed(listing: Listing): AsyncGenerator<ObjectInfo> {
  for (const name of [...listing.keys()].toSorted())
    yield { key: key(name), sizeBytes: listing.get(name) ?? 0 };
}

function joined(source: Listing, target: Listing): AsyncGenerator<Joined> {
  return joinListings(listed(source), listed(target));
}

async function stepsOf(steps: AsyncIterable<Step>): Promise<readonly string[]> {
  return (await Array.fromAsync(steps)).map(
    (step) => `${step.do} ${step.key.replace(/^.*73\//, '')}`,
  );
}

const FOLDER = 'shop/15-73';

function base(id: string, names: readonly string[], sizeBytes = 5): [string, number][] {
  return names.map((name) => [`${FOLDER}/base/${id}/${name}`, sizeBytes]);
}

const A = '20261121T020000Z';
const B = '20261122T020000Z';

/** A linear congruential generator: the seed gives the run again. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('joinListings()', () => {
  test('names every key of either listing once, in order', async () => {
    const source = new Map([
      ['a', 1],
      ['c', 3],
      ['d', 4],
    ]);
    const target = new Map([
      ['b', 2],
      ['c', 9],
    ]);

    expect(await Array.fromAsync(joined(source, target))).toEqual([
      { key: 'a', sourceBytes: 1, targetBytes: undefined },
      { key: 'b', sourceBytes: undefined, targetBytes: 2 },
      { key: 'c', sourceBytes: 3, targetBytes: 9 },
      { key: 'd', sourceBytes: 4, targetBytes: undefined },
    ]);
  });

  test('closes both listings when nobody reads on', async () => {
    let closed = 0;
    async function* endless(): AsyncGenerator<ObjectInfo> {
      try {
        for (let at = 0; ; at++) yield { key: key(`k${at}`), sizeBytes: 1 };
      } finally {
        closed++;
      }
    }

    for await (const { key: first } of joinListings(endless(), endless()))
      if (first === 'k0') break;

    expect(closed).toBe(2);
  });

  test('holds no more than one name of each listing, however many there are', async () => {
    let [given, taken, aheadMax] = [0, 0, 0];
    async function* many(): AsyncGenerator<ObjectInfo> {
      for (let at = 0; at < 100_000; at++) {
        given++;
        yield { key: key(`k${String(at).padStart(6, '0')}`), sizeBytes: 1 };
      }
    }

    for await (const step of planWal(joinListings(many(), listed(new Map())))) {
      taken += step.do === 'copy' ? 1 : 0;
      aheadMax = Math.max(aheadMax, given - taken);
    }

    expect(taken).toBe(100_000);
    expect(aheadMax).toBeLessThanOrEqual(1);
  });
});

describe('planBackups()', () => {
  test('puts the manifest after its packs, although its name comes before theirs', async () => {
    const source = new Map([
      ...base(A, ['manifest', 'pack-0001', 'pack-0002']),
      ...base(B, ['manifest', 'pack-0001']),
    ]);

    expect(await stepsOf(planBackups(joined(source, new Map())))).toEqual([
      `copy base/${A}/pack-0001`,
      `copy base/${A}/pack-0002`,
      `commit base/${A}/manifest`,
      `copy base/${B}/pack-0001`,
      `commit base/${B}/manifest`,
    ]);
  });

  test('leaves alone what the source has not committed, and what only the target has', async () => {
    const source = new Map(base(A, ['pack-0001', 'pack-0002']));
    const target = new Map(base(B, ['manifest', 'pack-0001']));

    expect(await stepsOf(planBackups(joined(source, target)))).toEqual([]);
  });

  test('gives back a pack that the target lost, and says which backups both have', async () => {
    const source = new Map(base(A, ['manifest', 'pack-0001', 'pack-0002']));
    const target = new Map(base(A, ['manifest', 'pack-0002']));

    expect(await stepsOf(planBackups(joined(source, target)))).toEqual([
      `copy base/${A}/pack-0001`,
      `held base/${A}/manifest`,
    ]);
  });

  test('commits no backup of which the target holds a pack with other bytes', async () => {
    const source = new Map(base(A, ['manifest', 'pack-0001']));
    const target = new Map(base(A, ['pack-0001'], 6));

    expect(await stepsOf(planBackups(joined(source, target)))).toEqual([
      `conflict base/${A}/pack-0001`,
    ]);
  });

  test('from any two listings: what is committed ends up equal, and no manifest before its packs', async () => {
    const seed = randomBytes(4).readUInt32LE();
    const random = randomNumbers(seed);
    for (let round = 0; round < 300; round++) {
      const { source, target } = randomStores(random);
      const before = new Map(target);
      const lacking: string[] = [];
      for await (const step of planBackups(joined(source, before))) {
        if (step.do === 'commit')
          lacking.push(...packsOf(source, step.key).filter((pack) => !target.has(pack)));
        if (step.do === 'copy' || step.do === 'commit') target.set(step.key, step.sizeBytes);
      }
      const lost = [...source.keys()].filter(
        (name) => source.has(name.replace(/[^/]+$/, 'manifest')) && !target.has(name),
      );
      const extra = [...target.keys()].filter((name) => !source.has(name) && !before.has(name));
      expect({ seed, round, lost, extra, lacking }).toEqual({
        seed,
        round,
        lost: [],
        extra: [],
        lacking: [],
      });
    }
  });
});

/** The target has a random part of what the source has, and something of its own. */
function randomStores(random: () => number): {
  source: Map<string, number>;
  target: Map<string, number>;
} {
  const [source, target] = [new Map<string, number>(), new Map<string, number>()];
  for (let day = 1; day <= 4; day++) {
    const packs = Array.from(
      { length: 1 + Math.floor(random() * 4) },
      (_, at) => `pack-000${at + 1}`,
    );
    const names = random() < 0.7 ? ['manifest', ...packs] : packs;
    for (const [name, size] of base(`2026110${day}T020000Z`, names)) {
      if (random() < 0.9 || name.endsWith('manifest')) source.set(name, size);
      if (random() < 0.4 && !name.endsWith('manifest')) target.set(name, size);
    }
  }
  return { source, target };
}

function packsOf(listing: Listing, manifest: string): readonly string[] {
  const folder = manifest.replace(/manifest$/, 'pack-');
  return [...listing.keys()].filter((name) => name.startsWith(folder));
}

describe('planWal()', () => {
  test("copies in the order of the log, a timeline's history before its segments", async () => {
    const hash = 'f'.repeat(32);
    const source = new Map(
      [
        `wal/00000001/000000010000000000000002-${hash}`,
        `wal/00000001/000000010000000000000001-${hash}`,
        'wal/00000002.history',
        `wal/00000002/000000020000000000000003-${hash}`,
      ].map((name) => [`${FOLDER}/${name}`, 9]),
    );

    expect(await stepsOf(planWal(joined(source, new Map())))).toEqual([
      `copy wal/00000001/000000010000000000000001-${hash}`,
      `copy wal/00000001/000000010000000000000002-${hash}`,
      'copy wal/00000002.history',
      `copy wal/00000002/000000020000000000000003-${hash}`,
    ]);
  });
});

function tail(segment: string, part: string): [string, number] {
  return [`${FOLDER}/tail/00000001/${segment}/${part}`, 3];
}

function piece(segment: string, from: number, to: number): [string, number] {
  const [begin, end] = [from, to].map((at) => at.toString(16).toUpperCase().padStart(16, '0'));
  return tail(segment, `${begin}-${end}`);
}

function short([name]: [string, number]): string {
  return name.slice(FOLDER.length + 1);
}

describe('planTails()', () => {
  const [S1, S2] = ['000000010000000000000001', '000000010000000000000002'];

  test('copies tails only of segments that are not whole, and asks once for each', async () => {
    const asked: string[] = [];
    const source = new Map([tail(S1, '10-20'), tail(S1, '20-30'), tail(S2, '40-50')]);

    const steps = planTails(joined(source, new Map()), async (folder, where) => {
      asked.push(`${where} ${folder.slice(-3)}`);
      return folder.includes(S1);
    });

    expect(await stepsOf(steps)).toEqual([`copy tail/00000001/${S2}/40-50`]);
    expect(asked).toHaveLength(4);
  });

  test('removes from the target only tails whose segment it has whole', async () => {
    const target = new Map([tail(S1, '10-20'), tail(S2, '40-50')]);

    const steps = planTails(joined(new Map(), target), async (folder) => folder.includes(S1));

    expect(await stepsOf(steps)).toEqual([`tidy tail/00000001/${S1}/10-20`]);
  });

  test('removes tails that the source has joined, behind what holds their bytes, and no other', async () => {
    const [joinedTail, next] = [piece(S2, 0x10, 0x30), piece(S2, 0x30, 0x40)];
    const source = new Map([joinedTail, next]);
    const old = [
      [0x10, 0x20],
      [0x20, 0x30],
      [0x20, 0x38],
      [0x30, 0x50],
      [0x60, 0x70],
    ] as const;
    const target = new Map([next, ...old.map(([from, to]) => piece(S2, from, to))]);

    const steps = planTails(joined(source, target), async () => false);

    expect(await stepsOf(steps)).toEqual([
      `copy ${short(joinedTail)}`,
      `supersede ${short(piece(S2, 0x10, 0x20))}`,
      `supersede ${short(piece(S2, 0x20, 0x30))}`,
      `supersede ${short(piece(S2, 0x20, 0x38))}`,
    ]);
  });

  test('names what holds the bytes of a tail that was joined', async () => {
    const held = [piece(S2, 0x10, 0x30), piece(S2, 0x30, 0x40)];
    const spare = piece(S2, 0x20, 0x38);
    const steps = planTails(joined(new Map(held), new Map([...held, spare])), async () => false);

    expect(await Array.fromAsync(steps)).toEqual([
      { do: 'supersede', key: spare[0], by: held.map(([name]) => name) },
    ]);
  });

  test('asks nothing where both stores have the same', async () => {
    const same = new Map([tail(S1, '10-20')]);

    const steps = planTails(joined(same, same), async () => {
      throw new Error('Nobody needs to know');
    });

    expect(await stepsOf(steps)).toEqual([]);
  });
});
