/**
 * The catalogues of a proof point: what the readers gave when the backup was taken, as it stands in its manifest, and
 * back again for the same checks that compare with production. What could not be read then, or was read in another way
 * than today, is never called equal: the reason comes back in its stead. Digests stand for definitions, and nothing
 * secret is read at all. Pure.
 */
import type {
  Catalogues,
  DatabaseCatalogue,
  ProofPoint,
  StoredCatalogue,
  StoredSequences,
} from '../engines/proof-point.ts';
import {
  type Catalogue,
  type CatalogueObject,
  catalogueOf,
  READING,
} from '../postgres/catalogue-reading.ts';
import type { SequenceReading } from '../postgres/catalogue-reading-sequences.ts';
import type { ProductionCatalogue } from './catalogue-production.ts';
import { inOrder } from './truth.ts';

/** Of plain JSON, about a third of it compressed: some 300,000 columns. More is left out and said. */
const CATALOGUES_BYTES_MAX = 16 << 20;

/** `read`: what production said of each database. */
export function withCatalogues(
  point: ProofPoint,
  read: (database: string) => ProductionCatalogue,
  bytesMax: number = CATALOGUES_BYTES_MAX,
): ProofPoint {
  const first = inOrder(point)[0].database;
  const databases = point.databases.map(({ database }) =>
    store(database, read(database), database === first),
  );
  const catalogues: Catalogues = { reading: READING, databases };
  const bytes = Buffer.byteLength(JSON.stringify(catalogues));
  if (bytes <= bytesMax) return { ...point, catalogues };
  const withoutCatalogues = `they take ${sayMebibytes(bytes)}, and a manifest holds ${sayMebibytes(bytesMax)} at most`;
  return { ...point, withoutCatalogues };
}

/** For the checks: what is not there is SKIPPED for the reason that comes with it. */
export function storedCatalogue(point: ProofPoint, database: string): ProductionCatalogue {
  const { catalogues, withoutCatalogues } = point;
  if (catalogues === undefined)
    return without(withoutCatalogues ?? 'the backup was taken before they were kept');
  if (catalogues.reading !== READING)
    return without(
      `they were read in another way (number ${catalogues.reading}, today ${READING})`,
    );
  const stored = catalogues.databases.find((one) => one.database === database);
  if (stored === undefined) return without(`it has none of ${database}`);
  const { objects, shared, sequencesBefore, sequencesAfter, preloads, failures } = stored;
  const why = failures[0] ?? 'nothing was read there when the backup was taken';
  return {
    ...(objects === undefined ? {} : { objects: unpack(objects) }),
    ...(shared === undefined ? {} : { shared: unpack(shared) }),
    ...(sequencesBefore === undefined ? {} : { sequencesBefore: unpackReading(sequencesBefore) }),
    ...(sequencesAfter === undefined ? {} : { sequencesAfter: unpackReading(sequencesAfter) }),
    ...(preloads === undefined ? {} : { preloads }),
    failures: [],
    skipped: sayWithout(why),
  };
}

function without(why: string): ProductionCatalogue {
  return { failures: [], skipped: sayWithout(why) };
}

function sayWithout(why: string): string {
  return `the proof point has no catalogue to compare with: ${why}`;
}

function store(
  database: string,
  read: ProductionCatalogue,
  withShared: boolean,
): DatabaseCatalogue {
  const { objects, shared, sequencesBefore, sequencesAfter, preloads, failures } = read;
  return {
    database,
    ...(objects === undefined ? {} : { objects: pack(objects) }),
    ...(shared === undefined || !withShared ? {} : { shared: pack(shared) }),
    ...(sequencesBefore === undefined ? {} : { sequencesBefore: packReading(sequencesBefore) }),
    ...(sequencesAfter === undefined ? {} : { sequencesAfter: packReading(sequencesAfter) }),
    ...(preloads === undefined ? {} : { preloads: [...preloads] }),
    failures: [...failures],
  };
}

type Group = StoredCatalogue['groups'][number];

function pack(catalogue: Catalogue): StoredCatalogue {
  const words = new Map<string, number>();
  const groups = new Map<string, Group>();
  for (const { kind, name, parent, digest, says } of catalogue.objects()) {
    const key = `${kind}\0${parent}`;
    const group = groups.get(key) ?? [kind, parent, []];
    groups.set(key, group);
    const number = words.get(says) ?? words.size;
    words.set(says, number);
    group[2].push([name.slice(prefixOf(kind, parent).length), digest, number]);
  }
  return { words: [...words.keys()], groups: [...groups.values()] };
}

function unpack({ words, groups }: StoredCatalogue): Catalogue {
  return catalogueOf(
    groups.flatMap(([kind, parent, objects]) =>
      objects.map(
        ([name, digest, number]): CatalogueObject => ({
          kind,
          parent,
          name: prefixOf(kind, parent) + name,
          digest,
          says: words[number] ?? '',
        }),
      ),
    ),
  );
}

/** A column is called by its relation's name and its own: `orders.total`. */
function prefixOf(kind: string, parent: string): string {
  return kind === 'column' ? `${parent}.` : '';
}

function packReading({ fromLsn, toLsn, sequences }: SequenceReading): StoredSequences {
  return {
    fromLsn,
    toLsn,
    sequences: sequences.map(({ name, last, increment, fileNode, isReadable, cycles }) => [
      name,
      last === null ? null : last.toString(),
      increment.toString(),
      fileNode,
      isReadable,
      cycles,
    ]),
  };
}

function unpackReading({ fromLsn, toLsn, sequences }: StoredSequences): SequenceReading {
  return {
    fromLsn,
    toLsn,
    sequences: sequences.map(([name, last, increment, fileNode, isReadable, cycles]) => ({
      name,
      last: last === null ? null : BigInt(last),
      increment: BigInt(increment),
      fileNode,
      isReadable,
      cycles,
    })),
  };
}

function sayMebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
