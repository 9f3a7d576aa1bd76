/**
 * Ends a worker thread between two orders, never in the middle of one. Where Node 26 ends a thread by force just
 * while it makes a compressor, an assertion ("close before init") ends the whole process: seen in a test run.
 */
import type { Worker } from 'node:worker_threads';

/** The worker closes its port when it comes to this order, and so ends. */
export interface Leave {
  readonly kind: 'leave';
}

/** Resolves when the thread has ended, because it was asked to or by itself. What it was told before, it does first. */
export async function endWorker(worker: Worker): Promise<void> {
  const leave: Leave = { kind: 'leave' };
  await new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
    // It has ended.
    if (worker.threadId < 0) resolve();
    else worker.postMessage(leave, []);
  });
}
