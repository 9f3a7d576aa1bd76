/** One region's copy of a ring, looked at for itself: what it can read, and what endangers it. */
import { formatUtc } from '../kernel/moment.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { RegionSecrets, SecretDescription } from '../secrets/secrets-manager.ts';
import type { KeyDanger, PlaceLook } from './key-keeper.ts';
import { generationName, pointerName, readGeneration, readPointer } from './ring-secrets.ts';

export interface RegionLook {
  readonly name: string;
  readonly region: RegionSecrets;
  readonly signal: AbortSignal;
}

/** @throws Problem when this region's pointer cannot be read. */
export async function lookAtRegion({ name, region, signal }: RegionLook): Promise<PlaceLook> {
  const pointer = pointerName(name);
  const where = { name: pointer, region: region.region };
  const { keys: order } = readPointer(await region.read(pointer, { signal }), where);
  const keys = new Map<string, Buffer>();
  const unreadable = new Map<string, Problem>();
  const dangers: KeyDanger[] = [];
  for (const keyId of order) {
    const secret = generationName(name, keyId);
    const at = { name: secret, region: region.region };
    try {
      keys.set(keyId, readGeneration(await region.read(secret, { signal }), at, keyId));
    } catch (error) {
      if (!isProblem(error)) throw error;
      unreadable.set(keyId, error);
    }
    dangers.push(...(await dangersOf({ name: secret, region, signal }, keyId)));
  }
  return { generations: { order, keys, unreadable, warnings: [] }, dangers };
}

/** Whoever may not look is not told of dangers; whether it can be read was asked already. */
async function dangersOf(
  { name, region, signal }: RegionLook,
  keyId: string,
): Promise<readonly KeyDanger[]> {
  try {
    const described = await region.describe(name, { signal });
    return described === undefined ? [] : judge(described, { keyId, name, region: region.region });
  } catch (error) {
    if (isProblem(error)) return [];
    throw error;
  }
}

interface Judged {
  readonly keyId: string;
  readonly name: string;
  readonly region: string;
}

function judge(
  { deletedAt, replicas }: SecretDescription,
  { keyId, name, region }: Judged,
): readonly KeyDanger[] {
  const failed = replicas
    .filter(({ status }) => status === 'Failed')
    .map(
      (replica): KeyDanger => ({
        keyId,
        kind: 'copy failed',
        summary: `The copy of the secret "${name}" to ${replica.region} has failed: ${replica.why}`,
        hint: `Mend it with \`aws secretsmanager replicate-secret-to-regions --secret-id ${name} --region ${region} --add-replica-regions Region=${replica.region}\`.`,
      }),
    );
  if (deletedAt === undefined) return failed;
  return [
    ...failed,
    {
      keyId,
      kind: 'deletion scheduled',
      summary: `The secret "${name}" in ${region} is to be deleted, gone for good at ${formatUtc(deletedAt)} or soon after`,
      hint: `Take that back now: \`aws secretsmanager restore-secret --secret-id ${name} --region ${region}\`.`,
      at: deletedAt,
    },
  ];
}
