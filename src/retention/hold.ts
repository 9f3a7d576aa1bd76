/** A hold: somebody's word that a backup stays, until a moment or until it is released. Plain data. */

export interface Hold {
  /** `20261124T194857Z-3fa9c1`. */
  readonly holdId: string;
  readonly backupId: string;
  readonly major: number;
  readonly systemId: string;
  readonly reason: string;
  /** RFC 3339, UTC; null: until it is released. */
  readonly until: string | null;
  readonly placedAt: string;
  /** Who placed it, for people. */
  readonly by: string;
}

/** Until its time, or for ever. */
export function isInForce({ until }: Hold, at: Temporal.Instant): boolean {
  return until === null || Temporal.Instant.compare(Temporal.Instant.from(until), at) > 0;
}
