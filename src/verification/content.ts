/** What taking the contents of production is made of: who is asked, for how long, and what comes of it. */
import type { MissedTable, ProofPoint } from '../engines/proof-point.ts';
import type { Run } from '../gate/operation.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Lsn } from '../kernel/lsn.ts';
import type { Session } from '../postgres/session.ts';
import { type CountableTable, nameOf } from '../postgres/table-content.ts';
import type { PlannedTable } from './count-tables.ts';
import { type HashMode, planHash } from './day-part.ts';
import { fullName, type LateBefore } from './late-tables.ts';

/** What production pays at most. */
export interface ContentBudget {
  /** How many of the largest tables of each database. */
  readonly tables: number;
  readonly hash: HashMode;
  /** How old a snapshot may become, and how long a standby may stand still. */
  readonly seconds: number;
  readonly lockSeconds: number;
  /** Sessions at once. */
  readonly parallel: number;
  /** URL of a standby that is read in production's stead; may hold a password. */
  readonly readFrom: string | undefined;
}

export interface ContentRequest {
  readonly server: ServerName;
  /** May hold a password. */
  readonly url: string;
  readonly databases: readonly string[];
  readonly budget: ContentBudget;
  /** The cluster that the backup is of. */
  readonly systemId: string;
  /** Positions before it are of no use: the copy is not consistent there. */
  readonly notBefore: Lsn;
  /** Resolves when the first store has the log up to there: that is where it is read. */
  readonly untilStored: (lsn: Lsn, options: { readonly signal: AbortSignal }) => Promise<void>;
  /** Tables that the last proof did not get to: they come first. Default: none. */
  readonly lateBefore?: LateBefore | undefined;
  /** What else is read of each database in the very state that is counted. Default: nothing. */
  readonly alsoRead?: ((session: Session, database: string) => Promise<void>) | undefined;
  readonly run: Pick<Run, 'log' | 'claim' | 'release'>;
  readonly signal: AbortSignal;
}

export type TakenContent =
  | {
      readonly outcome: 'taken';
      readonly point: ProofPoint;
      /** How old the oldest snapshot became, or how long the standby stood still. */
      readonly snapshotSeconds: number;
    }
  | { readonly outcome: 'other cluster'; readonly systemId: string }
  /** No position could be had; one clause that continues "because". */
  | { readonly outcome: 'no position'; readonly reason: string };

export interface PlanRequest {
  readonly database: string;
  readonly budget: Pick<ContentBudget, 'tables' | 'hash'>;
  readonly at: Temporal.Instant;
  readonly lateBefore?: LateBefore | undefined;
}

/**
 * The largest tables with what is hashed of each today. The end may not be reached, so those come first that it was
 * last time, and then the small ones.
 */
export function planTables(
  tables: readonly CountableTable[],
  { database, budget: { tables: limit, hash }, at, lateBefore }: PlanRequest,
): { readonly planned: readonly PlannedTable[]; readonly leftOut: readonly string[] } {
  const chosen = tables.slice(0, limit).toReversed();
  const planned = chosen.map(
    (table): PlannedTable => ({
      table,
      plan: planHash(hash, table, at),
      comesFirst: lateBefore?.has(fullName(database, nameOf(table))) === true,
    }),
  );
  return {
    planned: planned.toSorted((a, b) => Number(b.comesFirst) - Number(a.comesFirst)),
    leftOut: sayBeyond(tables.length - chosen.length, limit),
  };
}

export function sayBeyond(others: number, limit: number): readonly string[] {
  return others === 0 ? [] : [`${others} smaller tables beyond the ${limit} largest`];
}

const NAMES_MAX = 20;

/** `unlogged tables: cache, sessions`. */
export function sayKinds(
  kinds: readonly { readonly kind: string; readonly names: readonly string[] }[],
): readonly string[] {
  return kinds.map(({ kind, names }) => {
    const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
    return `${kind} tables: ${names.slice(0, NAMES_MAX).join(', ')}${more}`;
  });
}

/** `orders: it was dropped meanwhile`. */
export function sayMissed({ table, reason }: MissedTable): string {
  return `${table}: ${reason}`;
}
