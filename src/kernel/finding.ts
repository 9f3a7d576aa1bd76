/** Something that monitoring noticed and that a person should hear of. Plain data. */

export interface Finding {
  /** Stable, upper snake case, never reused: `SLOT_HEADROOM_LOW`. */
  readonly code: string;
  readonly server: string;
  /** `warn`: look this week. `page`: now. */
  readonly severity: 'warn' | 'page';
  /** One sentence: what is, and what it should be. */
  readonly summary: string;
  /** One sentence in the imperative: what to do next. */
  readonly hint: string;
  /** RFC 3339, UTC: since when. */
  readonly since: string;
  readonly runbook?: string;
}
