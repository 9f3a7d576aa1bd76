/**
 * Lets the objects of the log appear in its order, whatever dies meanwhile: something newer behind a hole
 * would be taken for log of which a part is lost. What comes before the appearing is done side by side.
 */
export class WalTurns {
  #appeared: Promise<void> = Promise.resolve();

  /** `work` waits for `before` where it matters. When one fails, whoever comes later fails with it. */
  async take<T>(work: (before: Promise<void>) => Promise<T>): Promise<T> {
    const before = this.#appeared;
    const working = work(before);
    this.#appeared = Promise.all([before, working]).then(() => undefined);
    // Nobody may come later.
    this.#appeared.catch(() => undefined);
    return await working;
  }
}
