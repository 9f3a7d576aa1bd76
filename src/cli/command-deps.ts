/** What a command needs from the process around it; `main.ts` supplies it, tests supply their own. */
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Describe, LoadHouses, Serve } from './house.ts';
import type { LogLevel } from './log.ts';
import type { Stop } from './signals.ts';
import type { Terminal } from './terminal.ts';

export interface CommandDeps {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly stop: Stop;
  readonly describe: Describe;
  readonly loadHouses: LoadHouses;
  readonly serve: Serve;
  readonly openLog: (level: LogLevel) => Promise<Log>;
}
