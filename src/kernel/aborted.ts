/** Waiting for a signal, for whatever has nothing to do but to be stopped. */

/** Resolves when `signal` is aborted, also when it was before. Never rejects. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
