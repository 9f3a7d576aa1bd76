/** What goes wrong with continuous archiving, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SLOT_UNGUARDED: ProblemKind = {
  code: 'ARCHIVING_SLOT_UNGUARDED',
  retry: 'later',
  hint:
    "Run on the server: `ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; SELECT pg_reload_conf();` " +
    'with a size its disk can spare; archiving starts by itself. Where somebody watches that disk, set ' +
    '`archiving.allow_unbounded_slot: true` in the config instead.',
  fault: 'refused',
};

export const WOULD_BE_SYNCHRONOUS: ProblemKind = {
  code: 'ARCHIVING_WOULD_BE_SYNCHRONOUS',
  retry: 'later',
  hint:
    'Name your real standbys in `synchronous_standby_names` on the server instead of a pattern that ' +
    'matches `dbdr_archiving`, and run `SELECT pg_reload_conf();`.',
  fault: 'refused',
};

export const WAL_LEVEL_TOO_LOW: ProblemKind = {
  code: 'ARCHIVING_WAL_LEVEL_TOO_LOW',
  retry: 'later',
  hint: "Run on the server: `ALTER SYSTEM SET wal_level = 'replica';` and restart it.",
  fault: 'refused',
};

export const NOT_ARCHIVING: ProblemKind = {
  code: 'ARCHIVING_NOT_RUNNING',
  retry: 'later',
  hint: 'Start `npx dbdr serve`, which archives all the time, then ask again.',
  fault: 'world',
};

export const ARCHIVING_STALLED: ProblemKind = {
  code: 'ARCHIVING_STALLED',
  retry: 'later',
  hint: 'Run `wal` to see how far archiving is behind, and `status` for what stops it.',
  fault: 'world',
};

export const STILL_ARCHIVING: ProblemKind = {
  code: 'ARCHIVING_STILL_RUNNING',
  retry: 'later',
  hint:
    'Stop `npx dbdr serve`, run `npx dbdr forget SERVER --yes --reason "…"` at a terminal, and take the ' +
    'server out of the config before `serve` starts again: else it makes the slot anew.',
  fault: 'refused',
};

export const SERVER_UNKNOWN: ProblemKind = {
  code: 'ARCHIVING_SERVER_UNKNOWN',
  retry: 'never',
  hint: 'Name one of the servers in the config.',
  fault: 'request',
};

export const OTHER_KEY: ProblemKind = {
  code: 'ARCHIVING_OTHER_KEY',
  retry: 'never',
  hint:
    'Bring back the key file that the backups there were made with. If it is lost for good, name another ' +
    'store for this server, so that nothing of two keys is mixed.',
  fault: 'refused',
};

export const STORE_OWNED: ProblemKind = {
  code: 'ARCHIVING_STORE_OWNED',
  retry: 'never',
  hint:
    'Give the servers different names or stores if both shall go on. If the other one is gone for good, ' +
    'or stopped, take over with `rebuild --take-over`.',
  fault: 'refused',
};
