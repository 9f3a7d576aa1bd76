/** Who asks and decides, and what role each has. Roles come from config, never from the caller's word. */

/** Plain JSON: stands in runs, events and the journal. */
export type Actor =
  | {
      readonly kind: 'slack';
      /** Slack user id, `U…`: the only thing roles are matched on. */
      readonly id: string;
      /** Display name at the time. */
      readonly name: string;
      /** IANA zone the person's bare times are read in. */
      readonly zone: string;
    }
  | { readonly kind: 'terminal'; readonly id: string; readonly name: string; readonly zone: string }
  | {
      readonly kind: 'schedule';
      readonly id: string;
      readonly name: string;
      readonly zone: string;
    };

/** `viewer`: may look. `operator`: may ask. `approver`: may decide (and ask). */
export type Role = 'viewer' | 'operator' | 'approver';

export interface People {
  /** The roles of `actor` right now; asked again at every action and at execution. */
  rolesOf(actor: Actor, options: { readonly signal: AbortSignal }): Promise<readonly Role[]>;
  /** Who could decide, for messages: ids or names, without the asker. */
  approvers(options: { readonly signal: AbortSignal }): Promise<readonly string[]>;
}
