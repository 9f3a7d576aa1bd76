/** How long to wait before trying again: exponential, capped, with jitter. Pure. */

export interface BackoffPolicy {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * The wait before attempt number `attempt` (1 for the first repeat). `random` in [0, 1) spreads the
 * herd: the wait lies between half of the exponential value and all of it.
 */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: number): number {
  const fullMs = Math.min(policy.capMs, policy.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(fullMs / 2 + (fullMs / 2) * random);
}
