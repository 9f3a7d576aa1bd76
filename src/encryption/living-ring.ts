/**
 * A key ring that learns: `refresh()` reads the generations again, so that a rotation by another
 * process is used without a restart. What was known stays known while nobody answers, because forgetting
 * a key would lose data; what answers that a key is gone is believed.
 */
import type { Clock } from '../kernel/clock.ts';
import { type Generations, ringOf } from './generations.ts';
import type { KeyKeeper } from './key-keeper.ts';
import type { KeyRing } from './key-ring.ts';

export interface LivingRing extends KeyRing {
  /** As they were read last. */
  readonly generations: Generations;
  refresh(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Looks again at once, whenever that was last done. */
  reload(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Whoever meets many objects with an unknown key asks once, not for each. */
const REFRESH_AGAIN_MS = 5000;

/** @throws Problem KEY_* */
export async function openLivingRing(
  keeper: Pick<KeyKeeper, 'load'>,
  { clock, signal }: { readonly clock: Pick<Clock, 'elapsedMs'>; readonly signal: AbortSignal },
): Promise<LivingRing> {
  let generations = await keeper.load({ signal });
  let ring = ringOf(generations);
  let askedAtMs = clock.elapsedMs();

  async function reload(options: { readonly signal: AbortSignal }): Promise<void> {
    askedAtMs = clock.elapsedMs();
    generations = await keeper.load(options);
    ring = ringOf(generations);
  }

  return {
    get generations() {
      return generations;
    },
    get currentKeyId() {
      return ring.currentKeyId;
    },
    get keyIds() {
      return ring.keyIds;
    },
    wrap: (dataKey, identity) => ring.wrap(dataKey, identity),
    unwrap: (wrapped, identity) => ring.unwrap(wrapped, identity),
    contentName: (content) => ring.contentName(content),
    reload,
    async refresh(options) {
      if (clock.elapsedMs() - askedAtMs >= REFRESH_AGAIN_MS) await reload(options);
    },
  };
}

/**
 * Proves that something can be written with this ring.
 *
 * @throws Problem KEY_NOT_FOUND when its current or its oldest generation cannot be read.
 */
export function requireWritable(ring: KeyRing): void {
  ring.wrap(Buffer.alloc(32), { systemId: '0', name: 'trial' });
  ring.contentName(Buffer.alloc(0));
}
