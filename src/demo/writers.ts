/** The shop's customers and staff: small transactions that never stop, before, during and after. */
import type { Clock } from '../kernel/clock.ts';
import type { Session } from '../postgres/session.ts';
import { ORDER_COUNT } from './shop.ts';

/** What an application with a well-tried release sends; it names no column that a migration drops. */
const STATEMENTS: readonly string[] = [
  `INSERT INTO orders (user_id, total_cents, placed_at)
   SELECT 1 + (random() * 4999)::int, (500 + random() * 20000)::int, now()`,
  `INSERT INTO transactions (order_id, amount_cents)
   SELECT 1 + (random() * ${ORDER_COUNT - 1})::int, (500 + random() * 20000)::int`,
  `UPDATE orders SET status = 'shipped' WHERE id = 1 + (random() * ${ORDER_COUNT - 1})::int`,
  `UPDATE users SET name = name WHERE id = 1 + (random() * 4999)::int`,
];

/** A pause between transactions: lively, and gentle to a laptop. */
const PAUSE_MS = 40;

export interface WriterOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Writes until aborted; answers the number of committed transactions. */
export async function keepWriting(
  session: Session,
  { clock, signal }: WriterOptions,
): Promise<number> {
  let committed = 0;
  while (!signal.aborted) {
    const statement = STATEMENTS[committed % STATEMENTS.length] ?? 'SELECT 1';
    try {
      await session.query(statement);
      committed += 1;
      await clock.sleep(PAUSE_MS, { signal });
    } catch (error) {
      if (signal.aborted) break;
      throw error;
    }
  }
  return committed;
}
