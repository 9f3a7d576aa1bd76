/** The flags that belong to the command line itself, for commands that are no operations. Pure. */
import type { CallerFlag } from '../gate/words.ts';
import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import { COMMAND_UNREADABLE, NO_TEXT_FLAG } from './problems.ts';

export const CALLER_FLAGS: readonly CallerFlag[] = [
  { name: 'config', kind: 'text', describe: 'the config file' },
  { name: 'json', kind: 'switch', describe: 'one JSON document on standard output' },
  { name: 'plan', kind: 'switch', describe: 'only show what would be done' },
  { name: 'yes', kind: 'switch', describe: 'approve it (with --reason)' },
  { name: 'reason', kind: 'text', describe: 'why it is approved; the journal keeps it' },
];

export interface Plain {
  readonly words: readonly string[];
  readonly config: string | undefined;
}

/** Phones and autocorrect turn `--` into a dash. */
export function mendDashes(argv: readonly string[]): readonly string[] {
  return argv.map((word) => word.replace(/^[—–]{1,2}(?=[a-z])/, '--'));
}

/** Looked for before anything is read, because what cannot be read is told as JSON too. */
export function wantsJson(argv: readonly string[]): boolean {
  return argv.includes('--json');
}

/** The first word that is neither a flag nor a flag's value. */
export function commandOf(argv: readonly string[]): string | undefined {
  return plainWords(argv)[0];
}

/** Every word that is neither a flag nor a caller flag's value. */
export function plainWords(argv: readonly string[]): readonly string[] {
  return argv.filter((word, index) => {
    const isValue = index > 0 && isTextFlag(argv[index - 1] ?? '');
    return !isValue && !word.startsWith('-');
  });
}

function isTextFlag(word: string): boolean {
  return CALLER_FLAGS.some(({ name, kind }) => kind === 'text' && word === `--${name}`);
}

/** @throws Problem CLI_COMMAND_UNREADABLE, CLI_FLAG_WITHOUT_VALUE */
export function readPlain(argv: readonly string[]): Plain {
  const words: string[] = [];
  let config: string | undefined;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (word === '--json') continue;
    if (word === '--config') {
      index += 1;
      config = argv[index];
      if (config === undefined)
        throw new Problem(NO_TEXT_FLAG, 'Cannot read "--config": no file was named');
    } else if (word.startsWith('--config=')) config = word.slice('--config='.length);
    else if (word.startsWith('-')) throw unknownFlag(word);
    else words.push(word);
  }
  return { words, config };
}

function unknownFlag(word: string): Problem {
  const near = nearestWord(word, ['--json', '--config', '--help', '--version']);
  const message = `Cannot read "${word}": no such flag here`;
  if (near === undefined) return new Problem(COMMAND_UNREADABLE, message);
  return new Problem(COMMAND_UNREADABLE, message, { hint: `Did you mean \`${near}\`?` });
}
