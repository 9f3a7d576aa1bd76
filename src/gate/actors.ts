/** Actors as they stand in rows: read back, named for people, compared. Pure. */
import { z } from 'zod';

import type { RunRecord } from '../catalog/runs.ts';
import type { Json } from '../kernel/codecs.ts';
import type { Actor } from './people.ts';

const StoredActor = z.object({
  kind: z.enum(['slack', 'terminal', 'schedule']),
  id: z.string(),
  name: z.string(),
  zone: z.string(),
});

const StoredDeciders = z.array(
  z.object({
    actor: StoredActor,
    decision: z.string(),
    at: z.string(),
    reason: z.string().nullable(),
  }),
);

export interface Decider {
  readonly actor: Actor;
  readonly decision: string;
  readonly at: string;
  readonly reason: string | null;
}

/** @throws TypeError when the row holds something else: nobody but the gate writes it. */
export function readActor(json: Json): Actor {
  const read = StoredActor.safeParse(json);
  if (!read.success) throw new TypeError(`Not an actor: ${JSON.stringify(json)}`);
  return read.data;
}

export function decidersOf(run: RunRecord): readonly Decider[] {
  const read = StoredDeciders.safeParse(run.deciders);
  if (!read.success) throw new TypeError(`Not deciders: ${JSON.stringify(run.deciders)}`);
  return read.data;
}

/** Unique for each person: `slack:U0ANA`, `terminal:ana`. */
export function actorKey(actor: Actor): string {
  return `${actor.kind}:${actor.id}`;
}

export function isSameActor(a: Actor, b: Actor): boolean {
  return actorKey(a) === actorKey(b);
}

export function actorJson(actor: Actor): Json {
  const { kind, id, name, zone } = actor;
  return { kind, id, name, zone };
}
