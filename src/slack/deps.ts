/**
 * What the Slack app needs from the rooms below and beside it, and nothing more; `wire.ts` supplies
 * it. Incidents and updates speak plain data here, so that messages stay pure functions of it.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { RunVerbs } from '../catalog/run-verbs.ts';
import type { SlackSection } from '../config/sections/slack.ts';
import type { Gate } from '../gate/gate.ts';
import type { Actor } from '../gate/people.ts';
import type { Registry } from '../gate/registry.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Json } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Chat } from './chat.ts';
import type { SlackPeople } from './people.ts';

export interface Scenario {
  readonly id: string;
  /** `Rows or a table are gone`. */
  readonly title: string;
}

export interface IncidentStep {
  readonly id: string;
  /** Counted from one. */
  readonly number: number;
  readonly title: string;
  /** What to do and why: a few sentences. */
  readonly prose: string;
  readonly estimateSeconds?: number;
  /** The exact terminal command, or the command for human hands. */
  readonly command?: string;
  /** A query that shows that the step worked. */
  readonly verification?: string;
  /** `operation`: the bot performs it; `hands`: a person does, and ticks. */
  readonly by: 'operation' | 'hands';
  readonly state: 'open' | 'running' | 'done' | 'skipped';
  /** `@ana at 14:57:40 UTC`, or the run that performs it. */
  readonly note?: string;
}

export interface IncidentView {
  readonly id: string;
  readonly version: number;
  readonly title: string;
  readonly server: string;
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly lead?: { readonly kind: string; readonly id: string; readonly name: string };
  /** Label and value: roughly when, which tables, what was found. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly runbook: string;
  readonly steps: readonly IncidentStep[];
  readonly updates: {
    readonly count: number;
    readonly lastAt?: string;
    readonly nextDueAt?: string;
  };
}

export interface IncidentEventView {
  readonly seq: number;
  readonly incidentId: string;
  readonly at: string;
  /** One sentence, past tense. */
  readonly text: string;
  /** `{ result }` of a step that only looked. */
  readonly data?: Json;
}

export interface OpenIncident {
  readonly server: string;
  readonly scenario: string;
  readonly at: Temporal.Instant | undefined;
  readonly tables: readonly string[];
  readonly note: string | undefined;
  /** The proof that failed: one walk about it is open, however often it is asked for. */
  readonly proof?: RunId | undefined;
  readonly actor: Actor;
  /** Where its runs should be spoken of. */
  readonly audience: string;
  readonly signal: AbortSignal;
}

export interface IncidentStepRequest {
  readonly incidentId: string;
  readonly stepId: string;
  /** `do`: perform or tick; `skip`: go on without. */
  readonly action: 'do' | 'skip';
  readonly actor: Actor;
  readonly audience: string;
  readonly signal: AbortSignal;
}

export interface IncidentVerbs {
  readonly scenarios: readonly Scenario[];
  /** @throws Problem when the actor may not, or the server is unknown. */
  open(request: OpenIncident): Promise<IncidentView>;
  view(id: string): Promise<IncidentView | undefined>;
  listOpen(): Promise<readonly IncidentView[]>;
  /** One sentence for the person who clicked. @throws Problem */
  step(request: IncidentStepRequest): Promise<string>;
  close(request: {
    readonly incidentId: string;
    readonly actor: Actor;
    readonly signal: AbortSignal;
  }): Promise<string>;
  eventsAfter(seq: number, limit: number): Promise<readonly IncidentEventView[]>;
}

/** The words of an update, as the form has them; plain JSON. */
export interface UpdateWords {
  readonly incidentId: string;
  readonly what: string;
  readonly impact: string;
  readonly doing: string;
  readonly nextInMinutes: number;
}

export interface UpdateVerbs {
  /** The form filled from the incident; the person changes what is wrong. */
  draft(incidentId: string): Promise<UpdateWords>;
  /** The text as the stakeholders will read it. Pure of effects. */
  compose(words: UpdateWords, author: Actor): Promise<ComposedUpdate>;
  /** It was posted: its time goes into the incident, and the next one's clock starts. */
  posted(update: {
    readonly words: UpdateWords;
    readonly text: string;
    readonly actor: Actor;
    readonly channel: string;
    readonly ts: string;
    readonly at: Temporal.Instant;
    readonly signal: AbortSignal;
  }): Promise<void>;
}

export interface ComposedUpdate {
  /** `Update 1 · 14:56 UTC · shop`. */
  readonly title: string;
  /** Label and sentence: `What`, `Impact`, `What we do`, `Next update by`. */
  readonly parts: readonly (readonly [label: string, value: string])[];
  /** `Ben, for the incident team`. */
  readonly signature: string;
}

/** What the app reads and remembers there; it changes runs only through the gate. */
export interface SlackCatalog {
  readonly runs: Pick<RunVerbs, 'find' | 'list' | 'eventsOf'>;
  readonly messages: Catalog['messages'];
  readonly cursors: Catalog['cursors'];
}

export interface SlackDeps {
  readonly section: SlackSection;
  readonly gate: Gate;
  readonly catalog: SlackCatalog;
  readonly chat: Chat;
  readonly people: SlackPeople;
  /** Every operation that can be asked for. */
  readonly registry: Registry;
  /** Names of servers, for forms. */
  readonly servers: readonly string[];
  readonly incidents: IncidentVerbs;
  readonly updates: UpdateVerbs;
  readonly clock: Clock;
  readonly log: Log;
}
