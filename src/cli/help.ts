/** What `dbdr --help` says. Pure. */
import { type CommandLine, OPERATIONS, PLAIN_COMMANDS } from './commands.ts';

export function helpText(): string {
  return [
    'Usage: npx dbdr <operation> … [flags]',
    '',
    ...lines([...OPERATIONS, ...PLAIN_COMMANDS]),
    '',
    'Flags of every operation:',
    '  --config FILE    the config; default: DBDR_CONFIG, then dbdr.yaml in this folder',
    '  --plan           only show what would be done',
    '  --yes --reason "…"   approve what has an effect on production; the journal keeps the reason',
    '  --json           one JSON document on standard output, logs on standard error',
    '  --help, --version',
    '',
    'Exit codes: 0 done or PASS, 1 FAIL, 2 not understood, 3 refused, 4 could not be done or told,',
    '130 interrupted, 143 terminated.',
    '',
    'More about one: npx dbdr help restore',
    '',
  ].join('\n');
}

function lines(commands: readonly CommandLine[]): readonly string[] {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
}
