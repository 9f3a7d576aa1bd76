/**
 * What `dbdr --help` lists, as plain data, so that it is there at once and loads nothing. A test
 * compares it with the operations that exist.
 */

export interface CommandLine {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
}

/** Ways to start the program that are no operations: they work before anything can be opened. */
export const PLAIN_COMMANDS: readonly CommandLine[] = [
  {
    name: 'serve',
    usage: 'serve',
    summary: 'Run the bot: continuous WAL, schedule, Slack where it is configured',
  },
  {
    name: 'config',
    usage: 'config check|explain|example',
    summary: 'Check the config, explain each value, or print an example',
  },
  {
    name: 'keys',
    usage: 'keys create',
    summary: 'Make the first key where the config says: a file, or AWS Secrets Manager',
  },
];

export const OPERATIONS: readonly CommandLine[] = [
  {
    name: 'status',
    usage: 'status [SERVER]',
    summary: 'Say how far back and how far forward each server can be recovered',
  },
  { name: 'backup', usage: 'backup [SERVER]', summary: 'Take a base backup now' },
  { name: 'backups', usage: 'backups [SERVER]', summary: 'List the backups that exist' },
  { name: 'wal', usage: 'wal [SERVER]', summary: 'Show which WAL is stored and what is missing' },
  {
    name: 'verify',
    usage: 'verify [SERVER] [--older] [--store NAME]',
    summary: 'Prove a backup by restoring it and comparing it with production',
  },
  {
    name: 'restore',
    usage: 'restore [SERVER] --to TIME|LSN|latest [--tables A,B] [--into DIR]',
    summary: 'Restore to a moment, into a scratch place or a folder',
  },
  {
    name: 'restore-tables',
    usage: 'restore-tables',
    summary: 'Copy restored tables into production beside the damaged ones',
  },
  {
    name: 'forget',
    usage: 'forget SERVER',
    summary: 'Take back what dbdr left on a server: its slot',
  },
  {
    name: 'rebuild',
    usage: 'rebuild [--store NAME] [--take-over]',
    summary: 'Make the catalogue again from a store alone',
  },
  {
    name: 'keys',
    usage: 'keys check|rotate',
    summary: 'Prove that every key is there, or rotate to a new one',
  },
  {
    name: 'retention',
    usage: 'retention [SERVER] [--apply]',
    summary: 'Show which backups stay and why, and which may go; remove those',
  },
  {
    name: 'hold',
    usage: 'hold [BACKUP] --reason WHY [--until TIME] [--release]',
    summary: 'Keep a backup whatever the rules say, or list what is held',
  },
  { name: 'runs', usage: 'runs [SERVER]', summary: 'List what was asked for, and how it ended' },
  { name: 'cancel', usage: 'cancel RUN', summary: 'Stop a run, wherever it runs' },
  {
    name: 'instances',
    usage: 'instances [list|extend|remove]',
    summary: 'List, keep or remove restored instances',
  },
  {
    name: 'incident',
    usage: 'incident [open|close|hand-over]',
    summary: 'Open a bad day, walk through it, close it',
  },
  {
    name: 'update',
    usage: 'update',
    summary: 'Write a stakeholder update from a template',
  },
  { name: 'usage', usage: 'usage', summary: 'Say what each store holds, and what a month costs' },
  { name: 'journal', usage: 'journal [--verify]', summary: 'Show who did what; prove the chain' },
  {
    name: 'alerts',
    usage: 'alerts [--test]',
    summary: 'Say what the pager was told and what waits for it; try it with a test page',
  },
  { name: 'health', usage: 'health', summary: 'Say whether the bot lives and is ready' },
];
