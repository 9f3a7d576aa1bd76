/** The plan of the house as three tables: floors, sideways arrows, homes of outside packages. */

/** Rooms from the ground up. What is not listed here may not exist. */
export const FLOORS: readonly (readonly string[])[] = [
  ['kernel'],
  [
    'secrets',
    'subprocess',
    'config',
    'postgres',
    'clusters',
    'encryption',
    'storage',
    'catalog',
    'journal',
  ],
  ['engines', 'gate', 'supervision'],
  [
    'backup',
    'archiving',
    'mirroring',
    'retention',
    'keys',
    'verification',
    'recovery',
    'monitoring',
    'alerts',
    'runbooks',
    'incidents',
    'communications',
  ],
  ['slack', 'cli', 'schedule'],
  ['wire-open.ts', 'wire-rules.ts'],
  ['wire.ts'],
  ['wire-describe.ts', 'wire-serve.ts'],
  ['main.ts'],
  ['dbdr.mjs'],
  ['demo'],
];

/** Beside the bot: its peer over HTTP. It imports `kernel/` only; of `src/`, only the demo imports it. */
export const BESIDE: readonly string[] = ['workspace'];

/** Sideways arrows, each with its reason. */
export const SIDEWAYS: ReadonlyMap<string, string> = new Map([
  ['config → secrets', 'a setting may be the name of a secret'],
  ['encryption → secrets', 'a key file is a secret'],
  ['postgres → subprocess', 'PostgreSQL brings programs of its own'],
  ['clusters → postgres', 'a scratch cluster is a PostgreSQL'],
  ['clusters → subprocess', 'it is started and stopped by its programs'],
  ['journal → catalog', 'the journal is kept in the catalogue'],
  ['backup → archiving', 'a backup waits for its WAL'],
  ['verification → recovery', 'a proof is a restore that is looked at'],
  ['incidents → runbooks', 'an incident walks through a runbook'],
  ['communications → incidents', 'an update tells of an incident'],
  ['demo → workspace', 'the demo is played in the workspace'],
]);

/** Packages that only the named rooms may import. */
export const HOMES: ReadonlyMap<string, readonly string[]> = new Map([
  ['pg', ['postgres', 'catalog']],
  ['pg-copy-streams', ['postgres']],
  ['better-sqlite3', ['catalog']],
  ['kysely', ['catalog']],
  ['@slack/bolt', ['slack']],
  ['@slack/web-api', ['slack']],
  ['node-cron', ['schedule']],
  ['@pagerduty/pdjs', ['alerts']],
  ['@aws-sdk/client-s3', ['storage']],
  ['@smithy/node-http-handler', ['storage', 'secrets']],
  ['@aws-sdk/client-secrets-manager', ['secrets']],
  ['commander', ['gate', 'cli']],
  ['yaml', ['config', 'runbooks', 'demo']],
  ['marked', ['runbooks']],
  ['pino', ['cli']],
  ['hono', ['workspace', 'slack', 'demo']],
  ['@hono/node-server', ['workspace', 'slack', 'demo']],
  ['lit', ['workspace']],
]);
