/** What can be done with incidents, and what that needs. Made by `createIncidents()` in `verbs.ts`. */
import type { Catalog } from '../catalog/catalog.ts';
import type { IncidentEvent } from '../catalog/records.ts';
import type { Gate } from '../gate/gate.ts';
import type { Actor, People } from '../gate/people.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RunId } from '../kernel/ids.ts';
import type { Runbooks } from '../runbooks/read-runbooks.ts';
import type { IncidentView } from './describe.ts';
import type { Scenario } from './scenarios.ts';

export interface IncidentDeps {
  readonly catalog: Pick<Catalog, 'incidents' | 'journal'> & {
    readonly findings: Pick<Catalog['findings'], 'list'>;
  };
  /** Late, because the gate is made from operations. */
  readonly gate: () => AskGate;
  readonly people: Pick<People, 'rolesOf'>;
  readonly runbooks: Runbooks;
  /** Names of the servers in the config. */
  readonly servers: readonly string[];
  readonly clock: Clock;
}

/** What a step needs to have its operation performed. */
export type AskGate = Pick<Gate, 'ask' | 'find'>;

export interface OpenIncident {
  readonly server: string;
  readonly scenario: string;
  readonly at: Temporal.Instant | undefined;
  readonly tables: readonly string[];
  readonly note: string | undefined;
  /**
   * The proof that failed, where that is what happened: however often it is asked for, one walk about it is
   * open. Absent: the newest copy of the server whose FAIL stands.
   */
  readonly proof?: RunId | undefined;
  readonly actor: Actor;
  readonly audience: string;
  readonly signal: AbortSignal;
}

export interface IncidentStepRequest {
  readonly incidentId: string;
  readonly stepId: string;
  /** `do`: perform, or tick what is for hands; `tick`: somebody did it elsewhere; `skip`: go on without. */
  readonly action: 'do' | 'tick' | 'skip';
  readonly actor: Actor;
  readonly audience: string;
  readonly signal: AbortSignal;
}

export interface ByWhom {
  readonly incidentId: string;
  readonly actor: Actor;
  readonly signal: AbortSignal;
}

export interface Learned {
  readonly at?: Temporal.Instant | undefined;
  readonly tables?: readonly string[] | undefined;
  readonly note?: string | undefined;
}

export interface StakeholdersTold {
  readonly text: string;
  readonly channel: string;
  readonly ts: string;
  readonly at: Temporal.Instant;
  readonly nextDueAt: Temporal.Instant | null;
}

export interface Incidents {
  readonly scenarios: readonly Scenario[];
  /** @throws Problem INCIDENT_WORDS_WRONG, INCIDENT_NOT_ALLOWED */
  open(request: OpenIncident): Promise<IncidentView>;
  view(id: string): Promise<IncidentView | undefined>;
  /** @throws Problem INCIDENT_UNKNOWN */
  require(id: string): Promise<IncidentView>;
  listOpen(): Promise<readonly IncidentView[]>;
  /** One sentence for the person who asked. @throws Problem INCIDENT_*, and what the gate throws. */
  step(request: IncidentStepRequest): Promise<string>;
  close(request: ByWhom): Promise<string>;
  /** Without `to` the asker takes the lead. */
  handOver(request: ByWhom & { readonly to?: string | null }): Promise<string>;
  learn(request: ByWhom & { readonly learned: Learned }): Promise<string>;
  recordUpdate(request: ByWhom & { readonly told: StakeholdersTold }): Promise<void>;
  /** A run that a step may wait for has ended. Repeatable. */
  runEnded(ended: RunEnded): Promise<void>;
  events(id: string): Promise<readonly IncidentEvent[]>;
  eventsAfter(seq: number, limit: number): Promise<readonly IncidentEvent[]>;
}

export interface RunEnded {
  readonly runId: string;
  readonly outcome: 'done' | 'not done';
  readonly said: string;
  readonly at: string;
}
