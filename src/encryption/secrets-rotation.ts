/**
 * Adds a generation to a ring in AWS Secrets Manager. The pointer is written first with the new key id as
 * `next`, so that whoever is interrupted leaves no secret that nobody knows of: the next one finds
 * `next` and goes on with it. Only when every region has given the new key back, byte for byte, does the
 * pointer make it current. Two at once end with the same generation.
 */
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { SECRET_EXISTS } from '../secrets/problems.ts';
import type { RegionSecrets, ReplicaState } from '../secrets/secrets-manager.ts';
import { newKey, newKeyId } from './generations.ts';
import type { KeeperOptions, NewGeneration } from './key-keeper.ts';
import { KEY_NOT_REPLICATED, KEY_SECRETS_EXIST } from './problems.ts';
import {
  generationName,
  generationText,
  type Pointer,
  pointerName,
  pointerText,
  readGeneration,
  readPointer,
} from './ring-secrets.ts';

export interface SecretsKeeperOptions {
  readonly name: string;
  /** The first is where keys are made; the others hold copies. */
  readonly regions: readonly RegionSecrets[];
  /** Region → KMS key there. */
  readonly kmsKeys: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** AWS copies within seconds; a copy that takes longer is looked into by a person. */
const REPLICATE_LIMIT_MS = 60_000;
const LOOK_AGAIN_MS = 500;

interface Rotation extends SecretsKeeperOptions {
  /** Where secrets are made. */
  readonly home: RegionSecrets;
  readonly signal: AbortSignal;
}

interface ReadPointer extends Pointer {
  readonly versionId: string;
}

/** @throws Problem KEY_SECRETS_EXIST, KEY_NOT_REPLICATED, SECRET_* */
export async function createSecrets(
  options: SecretsKeeperOptions,
  { signal }: KeeperOptions,
): Promise<NewGeneration> {
  const rotation = begin(options, signal);
  const { home, name } = rotation;
  await requireNoOrphans(rotation);
  const text = pointerText({ keys: [], next: newKeyId() });
  const about = 'Names the keys of dbdr';
  const kmsKey = options.kmsKeys[home.region];
  await home.create(pointerName(name), { text, about, kmsKey }, { signal });
  const pointer = await currentPointer(rotation);
  if (pointer.keys.length > 0) {
    throw new Problem(
      KEY_SECRETS_EXIST,
      `Cannot make the keys "${name}": they exist already in ${home.region}`,
    );
  }
  await copied(rotation, pointerName(name));
  return await finish(rotation, pointer);
}

/** @throws Problem KEY_NOT_REPLICATED, SECRET_*; the pointer then names what it named. */
export async function rotateSecrets(
  options: SecretsKeeperOptions,
  { signal }: KeeperOptions,
): Promise<NewGeneration> {
  const rotation = begin(options, signal);
  const { home, name } = rotation;
  const before = await currentPointer(rotation);
  if (before.next !== null) return await finish(rotation, before);
  const text = pointerText({ keys: before.keys, next: newKeyId() });
  await home.replace(pointerName(name), { text, instead: before.versionId }, { signal });
  return await finish(rotation, await currentPointer(rotation));
}

/** Keys that no pointer names are not to be forgotten: a new ring beside them would do that. */
async function requireNoOrphans({ home, name, signal }: Rotation): Promise<void> {
  if ((await home.describe(pointerName(name), { signal })) !== undefined) return;
  const keys = await home.names(`${name}/`, { signal });
  if (keys.length === 0) return;
  throw new Problem(
    KEY_SECRETS_EXIST,
    `Cannot make the keys "${name}": ${home.region} has ${keys.join(', ')}, and only the list "${pointerName(name)}" is missing`,
    {
      hint: `Make the secret "${pointerName(name)}" again, with the key ids oldest first: {"version":1,"keys":["k-…"],"next":null}.`,
    },
  );
}

function begin(options: SecretsKeeperOptions, signal: AbortSignal): Rotation {
  const [home] = options.regions;
  if (home === undefined) throw new TypeError('The config let a ring without regions through');
  return { ...options, home, signal };
}

async function currentPointer({ home, name, signal }: Rotation): Promise<ReadPointer> {
  const stored = await home.read(pointerName(name), { signal });
  const where = { name: pointerName(name), region: home.region };
  return { ...readPointer(stored, where), versionId: stored.versionId };
}

/** From a pointer with `next` to one where it is current. */
async function finish(rotation: Rotation, pointer: ReadPointer): Promise<NewGeneration> {
  const { home, name, clock, regions, signal } = rotation;
  const { keys, next: keyId, versionId } = pointer;
  if (keyId === null) throw new TypeError('There is no generation to finish');
  const secret = generationName(name, keyId);
  const key = newKey().toString('base64');
  const text = generationText({ keyId, key, createdAt: utcText(clock.now()) });
  await makeSecret(rotation, secret, text, 'Encrypts the backups of dbdr; never delete it');
  // Not what we sent: somebody else may have made it first.
  const where = { name: secret, region: home.region };
  const made = readGeneration(await home.read(secret, { signal }), where, keyId);
  for (const region of regions) await requireCopy(rotation, region, { secret, keyId, made });
  await home.replace(
    pointerName(name),
    { text: pointerText({ keys: [...keys, keyId], next: null }), instead: versionId },
    { signal },
  );
  await copied(rotation, pointerName(name));
  const places = regions.map(({ region }) => region);
  return { keyId, previousKeyId: keys.at(-1), places };
}

/** Is there afterwards, with a copy in every region, whoever made it. */
async function makeSecret(
  rotation: Rotation,
  secret: string,
  text: string,
  about: string,
): Promise<void> {
  const { home, kmsKeys, signal } = rotation;
  await home.create(secret, { text, about, kmsKey: kmsKeys[home.region] }, { signal });
  await copied(rotation, secret);
}

/** Waits until AWS says that every region has it. @throws Problem KEY_NOT_REPLICATED */
async function copied(rotation: Rotation, secret: string): Promise<void> {
  const { home, regions, clock, signal } = rotation;
  const wanted = regions.filter(({ region }) => region !== home.region).map(({ region }) => region);
  const endMs = clock.elapsedMs() + REPLICATE_LIMIT_MS;
  for (;;) {
    const copies = await askForCopies(rotation, secret, wanted);
    const late = wanted.filter((to) => copies.get(to)?.status !== 'InSync');
    const [failed] = late.flatMap((to) => copies.get(to) ?? []);
    if (late.length === 0) return;
    if (failed?.status === 'Failed') throw notCopied(secret, failed.region, failed.why);
    if (clock.elapsedMs() > endMs) {
      const why = `it took longer than ${REPLICATE_LIMIT_MS / 1000} s`;
      throw notCopied(secret, late.join(', '), why);
    }
    await clock.sleep(LOOK_AGAIN_MS, { signal });
  }
}

/** How each copy stands, after those that were never asked for have been. */
async function askForCopies(
  { home, kmsKeys, signal }: Rotation,
  secret: string,
  wanted: readonly string[],
): Promise<ReadonlyMap<string, ReplicaState>> {
  const there = (await home.describe(secret, { signal }))?.replicas ?? [];
  const missing = wanted.filter((to) => there.every(({ region }) => region !== to));
  const asked = missing.map((region) => ({ region, kmsKey: kmsKeys[region] }));
  try {
    const now = asked.length === 0 ? [] : await home.replicate(secret, asked, { signal });
    return new Map([...there, ...now].map((copy) => [copy.region, copy]));
  } catch (error) {
    // Another process asked for the same copy first: the next look tells how it stands.
    if (!isProblem(error, SECRET_EXISTS)) throw error;
    return new Map(there.map((copy) => [copy.region, copy]));
  }
}

interface Copy {
  readonly secret: string;
  readonly keyId: string;
  readonly made: Buffer;
}

/** The key as this region gives it. @throws Problem KEY_NOT_REPLICATED */
async function requireCopy(
  { signal }: Rotation,
  region: RegionSecrets,
  { secret, keyId, made }: Copy,
): Promise<void> {
  const where = { name: secret, region: region.region };
  const copy = readGeneration(await region.read(secret, { signal }), where, keyId);
  if (!copy.equals(made)) throw notCopied(secret, region.region, 'it gives back another key');
}

function notCopied(secret: string, region: string, why: string): Problem {
  return new Problem(
    KEY_NOT_REPLICATED,
    `Cannot use the new key yet: the copy of the secret "${secret}" to ${region} is not there: ${why}`,
    { facts: { secret, region } },
  );
}
