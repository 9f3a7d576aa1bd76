/** Bolt's and the Web API client's log lines, through our own log: one event a line, no levels of theirs. */
import { type Logger, LogLevel } from '@slack/bolt';

import type { Log } from '../kernel/log.ts';

export function boltLogger(log: Log): Logger {
  return {
    debug: ignore,
    info: ignore,
    warn: (...words: unknown[]) => log.warn('Slack library warns', { words: sayWords(words) }),
    error: (...words: unknown[]) =>
      log.warn('Slack library reports an error', { words: sayWords(words) }),
    setLevel: ignore,
    getLevel: () => LogLevel.WARN,
    setName: ignore,
  };
}

function sayWords(words: readonly unknown[]): string {
  return words.map((word) => (word instanceof Error ? word.message : String(word))).join(' ');
}

function ignore(): void {
  // Its chatter is of no use to an operator.
}
