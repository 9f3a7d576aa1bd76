/** A server with segments of 1 MiB, so that little is written before one is full, and its slots' end. */
import { startPostgres, type TestPostgres } from './postgres-cluster.ts';
import { waitUntil } from './wait-until.ts';

export const SEGMENT_BYTES = 1 << 20;

export async function startSmallSegments(): Promise<TestPostgres> {
  return await startPostgres({
    initdbArguments: ['--wal-segsize=1'],
    settings: {
      min_wal_size: '2MB',
      max_wal_size: '64MB',
      max_slot_wal_keep_size: '64MB',
      max_prepared_transactions: '2',
    },
  });
}

/** A slot can go only when its receiver has let go of it. */
export async function dropSlots(postgres: TestPostgres): Promise<void> {
  await waitUntil(async () => {
    const active = await postgres.query('SELECT 1 FROM pg_replication_slots WHERE active');
    return active.length === 0;
  });
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
}
