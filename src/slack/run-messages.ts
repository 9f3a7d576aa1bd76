/**
 * Shows a run's living message as things are now, and puts what belongs there into its thread. A
 * follow-up speaks in its parent's message.
 */
import { isEnded, type RunEvent, type RunRecord } from '../catalog/runs.ts';
import type { Gate } from '../gate/gate.ts';
import type { People } from '../gate/people.ts';
import type { RunId } from '../kernel/ids.ts';
import type { Chat, Posted } from './chat.ts';
import type { SlackDeps } from './deps.ts';
import { runLink, runSubject } from './links.ts';
import type { Living } from './living.ts';
import type { Message } from './messages/blocks.ts';
import { runMessage } from './messages/run.ts';
import { threadMessage } from './messages/thread.ts';
import { readInstant } from './messages/when.ts';
import { findRoot, seeRun } from './read-run.ts';
import type { Surroundings } from './run-view.ts';

export interface RunMessages {
  /** The run whose message speaks of `runId`: itself, or the one it comes after. */
  rootOf(runId: RunId): Promise<RunRecord | undefined>;
  /** Posts or edits the message of `root` as things are now. */
  show(root: RunRecord): Promise<Posted | undefined>;
  /** Puts the event into the thread, where it belongs there. */
  tell(root: RunRecord, event: RunEvent): Promise<void>;
  surroundings(signal: AbortSignal): Promise<Surroundings>;
}

type Needed = Pick<SlackDeps, 'catalog' | 'section' | 'clock'> & {
  readonly chat: Pick<Chat, 'permalink'>;
  readonly gate: Pick<Gate, 'explain'>;
  readonly people: Pick<People, 'approvers'>;
};

/** What ended before that and was never spoken of is history, not news. */
const NEWS_HOURS = 24;
const APPROVERS_LIMIT_MS = 5000;
const AUDIENCE = 'slack:';

export function audienceOf(channel: string): string {
  return `${AUDIENCE}${channel}`;
}

export function runMessages(deps: Needed, living: Living): RunMessages {
  const { catalog, section, clock } = deps;
  return {
    rootOf: async (runId) => findRoot(deps, runId),
    surroundings: async (signal) => surroundingsOf(deps, signal),

    async show(root) {
      const subject = runSubject(root);
      const channel = channelOf(root, section.channels.ops);
      if (channel === undefined) return undefined;
      const isNew = (await catalog.messages.find(subject)) === undefined;
      if (isNew && isOld(root, clock.now())) return undefined;
      const wish = { channel, render: async () => render(deps, root.runId) };
      const posted = await living.show(subject, wish);
      // It links to itself, which it could not before it was there; whatever goes on is edited anyway.
      return isNew && isEnded(root.state) ? living.show(subject, wish) : posted;
    },

    async tell(root, event) {
      const run = await catalog.runs.find(event.runId);
      if (run === undefined) return;
      const message = threadMessage(event, (await seeRun(deps, run)).view);
      if (message !== undefined)
        await living.reply(runSubject(root), `event:${event.seq}`, message);
    },
  };
}

async function render(deps: Needed, runId: RunId): Promise<Message | undefined> {
  const { catalog, chat } = deps;
  const run = await catalog.runs.find(runId);
  if (run === undefined) return undefined;
  const around = await surroundingsOf(deps, AbortSignal.timeout(APPROVERS_LIMIT_MS));
  const seen = await seeRun(deps, run);
  const link = await runLink({ chat, messages: catalog.messages }, runId);
  return runMessage({ ...seen.view, link }, around, seen.newestSeq);
}

async function surroundingsOf(deps: Needed, signal: AbortSignal): Promise<Surroundings> {
  const { people, section, clock } = deps;
  return {
    now: clock.now(),
    // Their names are decoration here: without them it says how many are needed.
    approvers: await people.approvers({ signal }).catch(() => []),
    needed: section.approvals.high,
    selfAllowed: section.approvals.self,
  };
}

/** Undefined: it was asked elsewhere and harms nobody, so this chat need not hear of it. */
function channelOf(root: RunRecord, ops: string): string | undefined {
  if (root.audience?.startsWith(AUDIENCE) === true) return root.audience.slice(AUDIENCE.length);
  return root.danger === 'high' ? ops : undefined;
}

function isOld(root: RunRecord, now: Temporal.Instant): boolean {
  const ended = readInstant(root.endedAt);
  if (ended === undefined) return false;
  return Temporal.Instant.compare(ended, now.subtract({ hours: NEWS_HOURS })) < 0;
}
