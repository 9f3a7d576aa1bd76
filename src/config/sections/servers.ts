/** Config section `servers`: the PostgreSQL instances we look after. */
import { z } from 'zod';

import { isServerName } from '../../kernel/ids.ts';
import { cronText, durationText } from '../values.ts';

const BackupSection = z.strictObject({
  schedule: cronText.default('0 2 * * *'),
  compression: z.enum(['zstd', 'none']).default('zstd'),
  /** Of zstd; 1 is the quickest. Level 3 saves a little over 1 % for twice the time (measured). */
  level: z.number().int().min(1).max(19).default(1),
  /** Threads that compress and encrypt; default: one for each processor, at most 8. */
  workers: z.number().int().min(1).max(64).optional(),
  /** What the server is asked for at most; default: as fast as it goes. */
  max_bytes_per_second: z.number().int().min(1024).optional(),
});

/** Calendar days in the config's zone. */
const RetentionSection = z.strictObject({
  daily: z.number().int().min(1).max(366).default(7),
  weekly: z.number().int().min(0).max(520).default(4),
  monthly: z.number().int().min(0).max(240).default(12),
  /** Every moment of so long back can be returned to. */
  pitr: durationText.default('P7D'),
  /** After each backup the bot removes by itself what no rule keeps, a few backups at once. */
  automatic: z.boolean().default(true),
});

const ArchivingSection = z.strictObject({
  /** How long new bytes of the unfinished segment may wait before they are stored. */
  tail_seconds: z.number().int().min(1).max(3600).default(2),
  /**
   * True: somebody watches this server's disk, so our slot may be made although `max_slot_wal_keep_size`
   * is unlimited (`decisions/0009-unbounded-slot.md`).
   */
  allow_unbounded_slot: z.boolean().default(false),
});

/** Once in a while one of those that stay for weeks and months: a store can rot where nobody reads. */
const OlderSection = z.strictObject({ schedule: cronText.default('0 5 * * 0') });

const postgresUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must begin with postgres://');

const VerificationSection = z.strictObject({
  /** Of the newest backup. */
  schedule: cronText.default('0 4 * * *'),
  older: OlderSection.prefault({}),
  /** How many of the largest tables are compared. */
  tables: z.number().int().min(1).max(1000).default(10),
  /** The latest transaction in the restored copy may be this old. */
  max_age: durationText.default('PT24H'),
  /** How often a proof of the schedule that could not tell is tried again before somebody is woken. */
  retries: z.number().int().min(0).max(10).default(2),
  /** So long without a PASS of the newest backup, and somebody is woken. */
  alarm_hours: z.number().min(1).max(1000).default(26),
  /** Whether contents are hashed: of large tables a seventh of the pages each day, or all of it. */
  hash: z.enum(['none', 'part', 'all']).default('part'),
  /** How old a snapshot of production may become; what was not read by then is left out and named. */
  snapshot_seconds: z.number().int().min(10).max(86_400).default(3600),
  /** How long a table that somebody has locked is waited for. */
  lock_seconds: z.number().int().min(1).max(3600).default(5),
  /** Sessions that count at once. */
  parallel: z.number().int().min(1).max(32).default(2),
  /** A standby that is counted in the server's stead: its replay is paused meanwhile. */
  read_from: postgresUrl.optional(),
  /** How long after each backup counts and hashes may be taken for its manifest; 0: none are. */
  proof_point_seconds: z.number().int().min(0).max(86_400).default(600),
  /** Whether each row of the copy is looked for in each index: reads every table once for each of them. */
  heap_all_indexed: z.boolean().default(false),
});

const ObjectivesSection = z.strictObject({
  rpo: durationText.default('PT5M'),
  rto: durationText.default('PT30M'),
});

/** Undefined: what the schema says by itself. */
function sayEngine({ input }: { readonly input?: unknown }): string | undefined {
  if (input === 'rds')
    return 'cannot be "rds" yet: Amazon RDS gives nobody a physical replication connection, so streaming is impossible there; snapshots and their copies will be an engine of its own';
  if (input === 'wal-g' || input === 'walg')
    return 'cannot be "wal-g" yet: repositories of WAL-G will be an engine of their own; "streaming" needs nothing on the server';
  return undefined;
}

export const ServerSection = z.strictObject({
  url: postgresUrl,
  engine: z.enum(['streaming'], { error: sayEngine }).default('streaming'),
  /** Which are proved; default: the one in `url`. */
  databases: z.array(z.string().min(1)).min(1).optional(),
  stores: z.array(z.string().min(1)).min(1),
  backup: BackupSection.prefault({}),
  archiving: ArchivingSection.prefault({}),
  verification: VerificationSection.prefault({}),
  retention: RetentionSection.prefault({}),
  objectives: ObjectivesSection.prefault({}),
});
export type ServerSection = z.infer<typeof ServerSection>;

export const ServersSection = z
  .record(
    z.string().refine(isServerName, 'must be lower case letters, digits and dashes'),
    ServerSection,
  )
  .refine((servers) => Object.keys(servers).length > 0, 'must name at least one server');
