/** What the gate is made of: `wire.ts` supplies it. */
import type { Catalog } from '../catalog/catalog.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { ApprovalPolicy } from './approvals.ts';
import type { People } from './people.ts';
import type { Processes } from './processes.ts';
import type { Registry } from './registry.ts';

export interface GateDeps {
  readonly catalog: Pick<Catalog, 'runs' | 'leases' | 'resources' | 'journal'>;
  readonly registry: Registry;
  readonly people: People;
  readonly approvals: ApprovalPolicy;
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: Processes;
  readonly timing?: GateTiming;
}

export interface GateTiming {
  /** How long a lease lasts when nobody renews it. */
  readonly leaseMs: number;
  /** How often it is renewed and a cancel from another process is looked for. */
  readonly heartbeatMs: number;
}

export const USUAL_TIMING: GateTiming = { leaseMs: 30_000, heartbeatMs: 1000 };
