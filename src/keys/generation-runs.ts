/**
 * Which generations a row of objects needs, without reading each of them. A rotation is for all that
 * comes after it, so in order of time the objects of one generation stand together: where two objects
 * agree, those between them are taken to agree, and where they differ, the border is found by halving.
 * Some more are looked at in between, because a ring that was set back to an older copy breaks that rule.
 */

export interface GenerationRun {
  readonly keyId: string;
  readonly first: number;
  readonly last: number;
}

export interface RunsRequest {
  readonly count: number;
  /** Looked at in any case, the ends among them. At least 2. */
  readonly samples: number;
  /** Undefined: nobody can tell (it is gone, or damaged). */
  readonly keyIdOf: (index: number) => Promise<string | undefined>;
}

export async function generationRuns(request: RunsRequest): Promise<readonly GenerationRun[]> {
  const { count, samples } = request;
  if (count === 0) return [];
  const known = new Map<number, string | undefined>();

  async function look(index: number): Promise<string | undefined> {
    if (!known.has(index)) known.set(index, await request.keyIdOf(index));
    return known.get(index);
  }

  const steps = Math.min(samples, count) - 1;
  const probes = Array.from({ length: steps + 1 }, (_, step) =>
    steps === 0 ? 0 : Math.round((step * (count - 1)) / steps),
  );
  for (const probe of probes) await look(probe);
  for (const [at, probe] of probes.slice(1).entries())
    await halve({ look, from: probes[at] ?? 0, to: probe });
  return toRuns(known, count);
}

interface Halving {
  readonly look: (index: number) => Promise<string | undefined>;
  readonly from: number;
  readonly to: number;
}

async function halve({ look, from, to }: Halving): Promise<void> {
  if (to - from <= 1 || (await look(from)) === (await look(to))) return;
  const middle = Math.floor((from + to) / 2);
  await look(middle);
  await halve({ look, from, to: middle });
  await halve({ look, from: middle, to });
}

/** What was not looked at belongs to the object before it that was. Pure. */
function toRuns(
  known: ReadonlyMap<number, string | undefined>,
  count: number,
): readonly GenerationRun[] {
  const runs: GenerationRun[] = [];
  const looked = [...known].toSorted(([a], [b]) => a - b);
  for (const [at, [first, keyId]] of looked.entries()) {
    const last = (looked[at + 1]?.[0] ?? count) - 1;
    if (keyId === undefined) continue;
    const before = runs.at(-1);
    if (before?.keyId === keyId && before.last === first - 1)
      runs.splice(-1, 1, { ...before, last });
    else runs.push({ keyId, first, last });
  }
  return runs;
}
