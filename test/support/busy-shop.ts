/** People who write to databases all the time, each on a connection of their own: inserts, updates, deletes. */
import { connect } from '../../src/postgres/connect.ts';

export interface BusyPeople extends AsyncDisposable {
  /** Transactions committed so far. */
  committed(): number;
}

/** The table that they write to must be there: `makeLedger()`. */
export function startBusyPeople(urls: readonly string[], people: number): BusyPeople {
  const stop = new AbortController();
  const never = new AbortController().signal;
  let committed = 0;
  const busy = Array.from({ length: people }, async (_, person) => {
    await using session = await connect(urls[person % urls.length] ?? '', { signal: never });
    for (let turn = 0; !stop.signal.aborted; turn += 1) {
      await session.query('BEGIN');
      await session.query(
        `INSERT INTO ledger (person, words) VALUES ($1, repeat(md5(random()::text), 4))`,
        [person],
      );
      // Each their own rows: they would wait for each other for ever.
      await session.query(
        'UPDATE ledger SET words = left(words, 90) || $3 WHERE person = $1 AND id % 17 = $2',
        [person, turn % 17, turn],
      );
      if (turn % 3 === 0)
        await session.query('DELETE FROM ledger WHERE person = $1 AND id % 13 = $2', [
          person,
          turn % 13,
        ]);
      await session.query(turn % 11 === 0 ? 'ROLLBACK' : 'COMMIT');
      committed += 1;
    }
  });
  return {
    committed: () => committed,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(busy);
    },
  };
}

export async function makeLedger(url: string): Promise<void> {
  const { signal } = new AbortController();
  await using session = await connect(url, { signal });
  await session.query(
    'CREATE TABLE ledger (id bigserial PRIMARY KEY, person int, words text) WITH (fillfactor = 70)',
  );
  await session.query(
    `INSERT INTO ledger (person, words) SELECT i % 8, md5(i::text) FROM generate_series(1, 3000) i`,
  );
}
