/** What alerts are made of: `wire.ts` supplies it. */
import type { Catalog } from '../catalog/catalog.ts';
import type { Gate } from '../gate/gate.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RunId, ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Pager } from './pager.ts';

export interface PagedServer {
  readonly name: ServerName;
  /** How often a proof of the schedule that could not tell is tried again. */
  readonly retries: number;
}

export interface AlertsDeps {
  readonly servers: readonly PagedServer[];
  /** Undefined: the config names none, and nobody is paged. */
  readonly pager: Pager | undefined;
  /** A page that was not taken for so long is a finding. */
  readonly undeliveredSeconds: number;
  /** What was taken so long ago and still stands is told again. */
  readonly remindSeconds: number;
  /** Where people see a run's message; undefined: it has none. Absent: there is no chat. */
  readonly links?: ((runId: RunId) => Promise<string | undefined>) | undefined;
  readonly gate: Pick<Gate, 'ask' | 'find' | 'eventsAfter' | 'waitForEvents'>;
  readonly catalog: Pick<
    Catalog,
    'runs' | 'backups' | 'cursors' | 'findings' | 'outbox' | 'installation'
  >;
  readonly zone: string;
  /** Where the proofs that are tried again are spoken of. */
  readonly audience: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}
