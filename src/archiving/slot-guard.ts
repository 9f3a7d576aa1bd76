/**
 * Whether a slot may be made on a server, or used there. A slot whose receiver stays away keeps WAL
 * until the disk is full; a receiver that reports what is stored can become a synchronous standby, and
 * then every commit waits for our store. Pure.
 */
import { RECEIVER_APPLICATION } from '../engines/streaming/wal-receiver.ts';
import type { ServerFacts } from '../postgres/server-facts.ts';

export type SlotJudgement =
  | { readonly outcome: 'safe' }
  | { readonly outcome: 'unguarded' }
  | { readonly outcome: 'would be synchronous'; readonly names: string }
  | { readonly outcome: 'wal level too low'; readonly walLevel: string };

export type GuardFacts = Pick<
  ServerFacts,
  'slotKeepBytesMax' | 'synchronousStandbyNames' | 'walLevel'
>;

/** `acknowledged`: a person has said that this server's disk is watched. */
export function judgeSlot(facts: GuardFacts, acknowledged: boolean): SlotJudgement {
  if (facts.walLevel === 'minimal')
    return { outcome: 'wal level too low', walLevel: facts.walLevel };
  if (matchesStandbyNames(facts.synchronousStandbyNames, RECEIVER_APPLICATION))
    return { outcome: 'would be synchronous', names: facts.synchronousStandbyNames };
  if (facts.slotKeepBytesMax === undefined && !acknowledged) return { outcome: 'unguarded' };
  return { outcome: 'safe' };
}

/**
 * `FIRST 2 (a, "b c")`, `ANY 1 (*)`, `2 (a, b)`, or a plain list. Source: PostgreSQL docs,
 * synchronous_standby_names; names are compared without regard to case.
 */
export function matchesStandbyNames(setting: string, application: string): boolean {
  const inner = /^\s*(?:(?:FIRST|ANY)?\s*\d+\s*)?\((.*)\)\s*$/is.exec(setting)?.[1] ?? setting;
  for (const match of inner.matchAll(/"((?:[^"]|"")*)"|([^,\s]+)/g)) {
    const name = match[1]?.replaceAll('""', '"') ?? match[2] ?? '';
    if (name === '*' || name.toLowerCase() === application.toLowerCase()) return true;
  }
  return false;
}
