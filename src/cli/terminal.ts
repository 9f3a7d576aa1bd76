/** The terminal as the command line sees it: two streams, who sits there, where. */
import { userInfo } from 'node:os';

import type { Actor } from '../gate/people.ts';
import type { Environment } from '../secrets/sources.ts';

export interface Terminal {
  /** Standard output: the answer, and nothing else. */
  readonly out: (text: string) => void;
  /** Standard error: progress, questions of the moment, logs. */
  readonly err: (text: string) => void;
  /** Standard error is a screen: lines may be drawn again. */
  readonly isScreen: boolean;
  readonly environment: Environment;
  readonly directory: string;
}

/** Whoever runs the program, by the operating system's name; `sudo` says who is behind root. */
export function terminalActor(environment: Environment, zone: string): Actor {
  const name = userName();
  const behind = environment['SUDO_USER'];
  const isRaised = name === 'root' && behind !== undefined && behind !== '';
  return { kind: 'terminal', id: name, name: isRaised ? `${behind} as root` : name, zone };
}

/** In a container the user may have a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
