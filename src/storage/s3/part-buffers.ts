/**
 * Memory for parts, used again and again, within a limit for all writes of a store together. Whoever holds
 * none always gets one: bodies may wait for each other, so no write may wait for memory with empty hands.
 * So the most that is ever held is the limit and one part more for each further write.
 */

export interface BufferShare {
  /** Waits until there is room. @throws the signal's reason */
  take(bytes: number, options: { readonly signal: AbortSignal }): Promise<Buffer>;
  /** Back for the next part. */
  give(buffer: Buffer): void;
  /** Ends the write. A connection may still read what it holds: that is not used again. */
  end(): void;
}

export class PartBuffers {
  readonly #limitBytes: number;
  readonly #usualBytes: number;
  readonly #free: Buffer[] = [];
  readonly #waiting = new Set<() => void>();
  #heldBytes = 0;
  #peakBytes = 0;
  #made = 0;

  constructor({ limitBytes, usualBytes }: { limitBytes: number; usualBytes: number }) {
    this.#limitBytes = limitBytes;
    this.#usualBytes = usualBytes;
  }

  /** For tests that count: what is held now, the most that ever was, and how many were made. */
  get counts(): { readonly heldBytes: number; readonly peakBytes: number; readonly made: number } {
    return { heldBytes: this.#heldBytes, peakBytes: this.#peakBytes, made: this.#made };
  }

  /** For one write. */
  share(): BufferShare {
    const held = new Set<Buffer>();
    return {
      take: async (bytes, { signal }) => {
        while (held.size > 0 && this.#heldBytes + bytes > this.#limitBytes)
          await this.#room(signal);
        signal.throwIfAborted();
        const buffer = this.#make(bytes);
        held.add(buffer);
        return buffer;
      },
      give: (buffer) => {
        if (!held.delete(buffer)) return;
        if (buffer.length === this.#usualBytes) this.#free.push(buffer);
        this.#release(buffer);
      },
      end: () => {
        for (const buffer of held) this.#release(buffer);
        held.clear();
      },
    };
  }

  #make(bytes: number): Buffer {
    this.#heldBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#heldBytes);
    const used = bytes === this.#usualBytes ? this.#free.pop() : undefined;
    if (used !== undefined) return used;
    this.#made++;
    return Buffer.allocUnsafeSlow(bytes);
  }

  #release(buffer: Buffer): void {
    this.#heldBytes -= buffer.length;
    // What many writes at once have needed is not kept for ever.
    while (this.#free.length * this.#usualBytes > this.#limitBytes) this.#free.pop();
    for (const wake of this.#waiting) wake();
  }

  async #room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    this.#waiting.delete(resolve);
    signal.throwIfAborted();
  }
}
