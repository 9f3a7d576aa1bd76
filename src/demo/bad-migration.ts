/**
 * The bad afternoon: a migration drops `orders.shipping_address`. The demo keeps a fingerprint of what
 * was lost, taken inside the same transaction and under the same lock, to judge the recovery by.
 */
import type { Session } from '../postgres/session.ts';
import { ORDER_COUNT } from './shop.ts';

export interface Damage {
  /** The database's clock just before the column went: the moment to go back to. RFC 3339. */
  readonly before: string;
  /** When the migration was done, by the database's clock. RFC 3339. */
  readonly at: string;
  readonly lost: Fingerprint;
}

/** Of the shop's first 50,000 orders: how many have an address, and a hash of ids and addresses. */
export interface Fingerprint {
  readonly addresses: number;
  readonly hash: string;
}

export async function runBadMigration(session: Session): Promise<Damage> {
  return session.transaction('BEGIN', async () => {
    await session.query('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    const lost = await fingerprintAddresses(session);
    const before = await databaseClock(session);
    await session.query('ALTER TABLE orders DROP COLUMN shipping_address');
    return { before, at: await databaseClock(session), lost };
  });
}

/** Reads the addresses of the first 50,000 orders as they are now. */
export async function fingerprintAddresses(session: Session): Promise<Fingerprint> {
  const [row] = await session.query<{ addresses: string; hash: string }>(
    `SELECT count(shipping_address)::text AS addresses,
            md5(string_agg(id || '=' || coalesce(shipping_address, 'null'), chr(10) ORDER BY id)) AS hash
     FROM orders WHERE id <= ${ORDER_COUNT}`,
  );
  return { addresses: Number(row?.addresses ?? 0), hash: row?.hash ?? '' };
}

async function databaseClock(session: Session): Promise<string> {
  const [row] = await session.query<{ at: string }>(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
  );
  return row?.at ?? '';
}
