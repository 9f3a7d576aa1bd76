/** What a person may mean who has begun to type a slash command. Pure. */
import type { Command } from './model.ts';

export interface Completion {
  /** The whole text as it would stand in the composer. */
  readonly text: string;
  readonly description: string;
}

/** Empty when what is typed is no command, or complete already. */
export function completionsFor(typed: string, commands: readonly Command[]): readonly Completion[] {
  if (!typed.startsWith('/') || typed.includes('\n')) return [];
  const wanted = typed.toLowerCase();
  return commands
    .flatMap(choicesOf)
    .filter(({ text }) => text.startsWith(wanted) && text !== wanted.trimEnd());
}

function choicesOf({ name, description, hints }: Command): readonly Completion[] {
  const deeper = hints.map((hint) => ({
    text: `${name} ${hint.words}`,
    description: hint.description,
  }));
  return deeper.length === 0 ? [{ text: name, description }] : deeper;
}
