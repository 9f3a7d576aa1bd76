/**
 * Physical replication slots: what keeps WAL on the server until we have it. A slot whose receiver
 * stays away fills the server's disk, so callers guard it before they make one.
 */
import { type Lsn, toLsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import { QUERY_FAILED } from './problems.ts';
import type { Session } from './session.ts';

export interface SlotState {
  readonly name: string;
  /** Undefined: nothing is kept, because the slot was never used or has been invalidated. */
  readonly restartLsn: Lsn | undefined;
  readonly active: boolean;
  /** `reserved`, `extended`, `unreserved` or `lost`; undefined: nothing is kept yet. */
  readonly walStatus: string | undefined;
  /** How much more WAL may be written before it is lost; undefined: no limit. */
  readonly safeBytes: number | undefined;
  /** How much WAL it keeps on the server now. */
  readonly keptBytes: number | undefined;
}

/** `dbdr_shop_eu` for the server `shop-eu`: slots know no dashes. */
export function slotName(server: string): string {
  return `dbdr_${server.replaceAll('-', '_')}`;
}

/** Undefined: there is no such slot. */
export async function readSlot(session: Session, name: string): Promise<SlotState | undefined> {
  const [row] = await session.query<SlotRow>(
    `SELECT slot_name::text AS name, restart_lsn::text AS restart_lsn, active, wal_status,
            safe_wal_size::text AS safe,
            pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                                 ELSE pg_current_wal_lsn() END, restart_lsn)::text AS kept
       FROM pg_replication_slots WHERE slot_name = $1`,
    [name],
  );
  if (row === undefined) return undefined;
  return {
    name: row.name,
    restartLsn: row.restart_lsn === null ? undefined : toLsn(row.restart_lsn),
    active: row.active,
    walStatus: row.wal_status ?? undefined,
    safeBytes: row.safe === null ? undefined : Number(row.safe),
    keptBytes: row.kept === null ? undefined : Number(row.kept),
  };
}

interface SlotRow {
  readonly name: string;
  readonly restart_lsn: string | null;
  readonly active: boolean;
  readonly wal_status: string | null;
  readonly safe: string | null;
  readonly kept: string | null;
}

/** `duplicate_object`, Appendix A of PostgreSQL's manual. */
const EXISTS = '42710';

/** Keeps WAL from the last checkpoint on, at once. False: there was one. @throws Problem POSTGRES_* */
export async function createSlot(session: Session, name: string): Promise<boolean> {
  try {
    await session.query('SELECT pg_create_physical_replication_slot($1, true)', [name]);
    return true;
  } catch (error) {
    if (isProblem(error, QUERY_FAILED) && error.facts['sqlState'] === EXISTS) return false;
    throw error;
  }
}

/** False: there was none. @throws Problem POSTGRES_SLOT_TAKEN while somebody receives with it. */
export async function dropSlot(session: Session, name: string): Promise<boolean> {
  const rows = await session.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
    [name],
  );
  return rows.length > 0;
}
