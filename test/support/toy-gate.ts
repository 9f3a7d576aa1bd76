/** A gate over a real catalogue in a temporary folder, with people and operations made for tests. */
import { join } from 'node:path';

import type { Catalog } from '../../src/catalog/catalog.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { createGate } from '../../src/gate/create-gate.ts';
import type { GateDeps, GateTiming } from '../../src/gate/deps.ts';
import type { Asked, AskRequest, Gate } from '../../src/gate/gate.ts';
import type { AnyOperation } from '../../src/gate/operation.ts';
import type { Actor, People, Role } from '../../src/gate/people.ts';
import { systemProcesses } from '../../src/gate/processes.ts';
import { createRegistry } from '../../src/gate/registry.ts';
import { composedPeople } from '../../src/gate/terminal-people.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

export const SIGNAL = new AbortController().signal;

export function slackActor(id: string): Actor {
  return { kind: 'slack', id, name: id.slice(2), zone: 'Europe/Berlin' };
}

/** `UDORA` only looks, `UEVE` is unknown. */
export const ANA = slackActor('U0ANA');
export const BEN = slackActor('U0BEN');
export const CARL = slackActor('U0CARL');
export const DORA = slackActor('U0DORA');
export const EVE = slackActor('U0EVE');
export const TERMINAL: Actor = { kind: 'terminal', id: 'ana', name: 'ana', zone: 'UTC' };
export const CLOCK_ACTOR: Actor = { kind: 'schedule', id: 'b', name: 'schedule b', zone: 'UTC' };

/** Who is who; a test may take a role away. */
function toyRoles(): Map<string, readonly Role[]> {
  return new Map<string, readonly Role[]>([
    ['U0ANA', ['operator', 'approver']],
    ['U0BEN', ['operator', 'approver']],
    ['U0CARL', ['operator']],
    ['U0DORA', ['viewer']],
  ]);
}

function toyPeople(roles: ReadonlyMap<string, readonly Role[]>): People {
  return composedPeople({
    rolesOf: (actor) => Promise.resolve(roles.get(actor.id) ?? []),
    approvers: () =>
      Promise.resolve([...roles].filter(([, has]) => has.includes('approver')).map(([id]) => id)),
  });
}

export interface ToyGate extends AsyncDisposable {
  readonly gate: Gate;
  readonly catalog: Catalog;
  readonly deps: GateDeps;
  readonly roles: Map<string, readonly Role[]>;
  readonly path: string;
  ask(operation: string, change?: Partial<AskRequest>): Promise<Asked>;
  /** Asks and answers the first row. */
  row(operation: string, change?: Partial<AskRequest>): Promise<RunRecord>;
}

export interface ToyOptions {
  readonly operations: readonly AnyOperation[];
  readonly change?: Partial<GateDeps>;
  /** A second gate over the same file. */
  readonly path?: string;
}

const QUICK: GateTiming = { leaseMs: 2000, heartbeatMs: 20 };

export async function toyGate(options: ToyOptions): Promise<ToyGate> {
  await using stack = new AsyncDisposableStack();
  const folder: TemporaryFolder | undefined =
    options.path === undefined ? stack.use(await temporaryFolder()) : undefined;
  const path = options.path ?? join(folder?.path ?? '', 'catalog.sqlite');
  const catalog = stack.use(await openSqliteCatalog({ path, clock: systemClock }));
  const roles = toyRoles();
  const deps: GateDeps = {
    catalog,
    registry: createRegistry(options.operations),
    people: toyPeople(roles),
    approvals: { high: 1, expires: Temporal.Duration.from('PT30M'), self: false },
    clock: systemClock,
    log: silentLog,
    processes: systemProcesses(),
    timing: QUICK,
    ...options.change,
  };
  const gate = createGate(deps);
  const owned = stack.move();

  function ask(operation: string, change: Partial<AskRequest> = {}): Promise<Asked> {
    const input = { server: 'shop' };
    const usual = { operation, input, actor: ANA, signal: SIGNAL, performer: 'any' } as const;
    return gate.ask({ ...usual, ...change });
  }

  return {
    gate,
    catalog,
    deps,
    roles,
    path,
    ask,
    async row(operation, change) {
      const asked = await ask(operation, change);
      const [first] = asked.outcome === 'run' ? asked.runs : [];
      if (first === undefined) throw new Error('No row was written');
      return first.run;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
