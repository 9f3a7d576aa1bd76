/**
 * The two handles that an interaction brings, and their rules: a `trigger_id` opens one form within
 * three seconds; a `response_url` answers at most five times within half an hour. Refusals are values.
 */
import { randomBytes } from 'node:crypto';

import type { Clock } from '../kernel/clock.ts';
import { RESPONSE_LIFE_MS, RESPONSE_USES_MAX, TRIGGER_LIFE_MS } from './limits/limits.ts';

export type TriggerUse =
  | { readonly outcome: 'good'; readonly userId: string }
  | { readonly outcome: 'bad'; readonly error: string };

/** Where an answer to a `response_url` goes. */
export interface ResponsePlace {
  readonly userId: string;
  readonly channel: string;
  /** The message whose button was clicked. */
  readonly messageTs?: string;
  readonly threadTs?: string;
}

export type ResponseUse =
  | { readonly outcome: 'good'; readonly place: ResponsePlace }
  | { readonly outcome: 'bad'; readonly error: 'expired_url' | 'used_url' | 'no_such_url' };

export interface Handles {
  newTrigger(userId: string): string;
  useTrigger(id: string): TriggerUse;
  /** The last part of a `response_url`. */
  newResponse(place: ResponsePlace): string;
  useResponse(id: string): ResponseUse;
}

export function createHandles(clock: Clock): Handles {
  const triggers = new Map<string, { userId: string; atMs: number; used: boolean }>();
  const responses = new Map<string, { place: ResponsePlace; atMs: number; uses: number }>();
  return {
    newTrigger(userId) {
      const id = `${triggers.size + 1}.${newSecret()}`;
      triggers.set(id, { userId, atMs: clock.elapsedMs(), used: false });
      return id;
    },

    useTrigger(id) {
      const trigger = triggers.get(id);
      if (trigger === undefined) return { outcome: 'bad', error: 'invalid_trigger_id' };
      if (trigger.used) return { outcome: 'bad', error: 'exchanged_trigger_id' };
      if (clock.elapsedMs() - trigger.atMs > TRIGGER_LIFE_MS)
        return { outcome: 'bad', error: 'expired_trigger_id' };
      trigger.used = true;
      return { outcome: 'good', userId: trigger.userId };
    },

    newResponse(place) {
      const id = newSecret();
      responses.set(id, { place, atMs: clock.elapsedMs(), uses: 0 });
      return id;
    },

    useResponse(id) {
      const response = responses.get(id);
      if (response === undefined) return { outcome: 'bad', error: 'no_such_url' };
      if (clock.elapsedMs() - response.atMs > RESPONSE_LIFE_MS)
        return { outcome: 'bad', error: 'expired_url' };
      if (response.uses >= RESPONSE_USES_MAX) return { outcome: 'bad', error: 'used_url' };
      response.uses += 1;
      return { outcome: 'good', place: response.place };
    },
  };
}

function newSecret(): string {
  return randomBytes(16).toString('hex');
}
