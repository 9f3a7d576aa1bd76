/**
 * Slack's rate limits: calls a minute by method, with bursts up to a minute's worth, and one message
 * a second in a channel. Off by default: tests that want them switch them on.
 */
import type { Clock } from '../../kernel/clock.ts';

/** Slack docs, Rate limits: tiers 2, 3 and 4. */
const TIER_PER_MINUTE = { 2: 20, 3: 50, 4: 100 } as const;
const TIER_2: readonly string[] = [
  'users.list',
  'usergroups.list',
  'usergroups.users.list',
  'conversations.create',
  'conversations.list',
  'conversations.setTopic',
  'pins.add',
  'bookmarks.add',
];
const TIER_4: readonly string[] = [
  'views.open',
  'views.push',
  'views.update',
  'users.info',
  'chat.postEphemeral',
];
const POSTS_PER_SECOND = 1;
/** "Bursts tolerated": how many messages may come at once. */
const POST_BURST = 5;

export interface Rates {
  /** Seconds to wait, or undefined when the call may go on. */
  waitSeconds(method: string, channel: string): number | undefined;
}

export function createRates(clock: Clock): Rates {
  const buckets = new Map<string, { level: number; atMs: number }>();
  return {
    waitSeconds(method, channel) {
      const posts = method === 'chat.postMessage';
      const key = posts ? `${method} ${channel}` : method;
      const perSecond = posts ? POSTS_PER_SECOND : perMinute(method) / 60;
      const burst = posts ? POST_BURST : perMinute(method);
      const now = clock.elapsedMs();
      const bucket = buckets.get(key) ?? { level: 0, atMs: now };
      const level = Math.max(0, bucket.level - ((now - bucket.atMs) / 1000) * perSecond);
      const full = level + 1 > burst;
      buckets.set(key, { level: full ? level : level + 1, atMs: now });
      return full ? Math.max(1, Math.ceil((level + 1 - burst) / perSecond)) : undefined;
    },
  };
}

function perMinute(method: string): number {
  if (TIER_2.includes(method)) return TIER_PER_MINUTE[2];
  return TIER_4.includes(method) ? TIER_PER_MINUTE[4] : TIER_PER_MINUTE[3];
}
