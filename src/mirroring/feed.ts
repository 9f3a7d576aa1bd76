/**
 * Tells the mirrors of this process what the receiver has just stored, so that nobody has to list in
 * order to follow. Bounded: who does not keep up loses what waits, is told so, and lists.
 */

import type { WalObjectStored, WalStored } from '../engines/wal-archive.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ServerName } from '../kernel/ids.ts';
import { untilElapsed } from './waiting.ts';

export type FeedItem =
  | ({ readonly what: 'object' } & WalObjectStored)
  | ({ readonly what: 'progress' } & WalStored);

/** At one tail each two seconds that is over half an hour. */
const WAITING_MAX = 1000;

export class MirrorFeed {
  readonly #subscriptions = new Map<Subscription, ServerName>();

  object(object: WalObjectStored): void {
    this.#tell({ what: 'object', ...object });
  }

  progress(stored: WalStored): void {
    this.#tell({ what: 'progress', ...stored });
  }

  /** The caller closes it. */
  subscribe(server: ServerName): Subscription {
    const subscription = new Subscription(() => this.#subscriptions.delete(subscription));
    this.#subscriptions.set(subscription, server);
    return subscription;
  }

  #tell(item: FeedItem): void {
    for (const [subscription, server] of this.#subscriptions)
      if (server === item.server) subscription.add(item);
  }
}

export class Subscription {
  readonly #close: () => void;
  #waiting: FeedItem[] = [];
  #overflowed = false;
  #wake: (() => void) | undefined;

  constructor(close: () => void) {
    this.#close = close;
  }

  add(item: FeedItem): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#waiting = [];
      this.#overflowed = true;
    }
    this.#waiting.push(item);
    this.#wake?.();
  }

  /** What has come since; `overflowed`: something came before it and was lost. */
  take(): { readonly items: readonly FeedItem[]; readonly overflowed: boolean } {
    const taken = { items: this.#waiting, overflowed: this.#overflowed };
    this.#waiting = [];
    this.#overflowed = false;
    return taken;
  }

  /** Resolves when something waits, after `limitMs`, or when `signal` aborts. */
  async wait(limitMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0 || this.#overflowed) return;
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    await untilElapsed(limitMs, clock, AbortSignal.any([signal, waking.signal]));
    this.#wake = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
