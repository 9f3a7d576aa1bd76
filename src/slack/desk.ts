/**
 * Where every listener hands its work in: it looks the person up, does the work, and answers that
 * person alone. Promises: no click and no command stays without an answer; a bug reads as one and is
 * logged; work that is under way is waited for when the app stops.
 */
import type { RespondFn } from '@slack/bolt';

import type { Actor } from '../gate/people.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Chat } from './chat.ts';
import type { SlackDeps } from './deps.ts';
import type { IncidentMessages } from './incident-messages.ts';
import type { Living } from './living.ts';
import type { Message } from './messages/blocks.ts';
import { problemMessage, problemOf } from './messages/problem.ts';
import type { RunMessages } from './run-messages.ts';

/** Where something was typed or clicked, and how to answer there. */
export interface Heard {
  readonly userId: string;
  readonly channel: string;
  readonly threadTs?: string | undefined;
  /** Undefined after a form: it has no place of its own. */
  readonly respond?: RespondFn | undefined;
  /** The answer takes the place of the message, which only this person sees. */
  readonly replaces?: boolean | undefined;
}

export interface Desk {
  readonly deps: SlackDeps;
  readonly runs: RunMessages;
  readonly incidents: IncidentMessages;
  readonly living: Living;
  /** Aborted when the app stops. */
  readonly signal: AbortSignal;
  /** Does `work` as the person heard; what it answers only that person sees. */
  answer(heard: Heard, work: (actor: Actor) => Promise<Message | undefined>): Promise<void>;
  /** Counts as under way until it ends. */
  track<T>(work: Promise<T>): Promise<T>;
}

export interface DeskWithEnd extends Desk {
  /** Resolves when nothing is under way. */
  quiet(): Promise<void>;
}

export type DeskParts = Pick<Desk, 'deps' | 'runs' | 'incidents' | 'living' | 'signal'>;

export function createDesk(parts: DeskParts): DeskWithEnd {
  const underWay = new Set<Promise<unknown>>();
  const { chat, people, log } = parts.deps;

  async function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    try {
      return await work;
    } finally {
      underWay.delete(work);
    }
  }

  async function answerNow(
    heard: Heard,
    work: (actor: Actor) => Promise<Message | undefined>,
  ): Promise<void> {
    try {
      const message = await work(await people.actorOf(heard.userId));
      if (message !== undefined) await tell(chat, heard, message);
    } catch (error) {
      note(log, error);
      const beside = { ...heard, replaces: false };
      await tell(chat, beside, problemMessage(problemOf(error))).catch((untold: unknown) =>
        log.warn('An answer did not reach the person', { error: String(untold) }),
      );
    }
  }

  return {
    ...parts,
    track,
    answer: async (heard, work) => track(answerNow(heard, work)),
    async quiet() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

function note(log: Log, error: unknown): void {
  if (isProblem(error)) log.info('A request in Slack was refused', { code: error.kind.code });
  else
    log.error('A request in Slack failed', {
      code: 'SLACK_BUG',
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
}

/**
 * By the response URL, which works where the app is no member; after it has run out (five answers,
 * thirty minutes), by an ephemeral message.
 */
async function tell(chat: Chat, heard: Heard, message: Message): Promise<void> {
  if (heard.respond !== undefined) {
    const answered = await respondTo(heard.respond, message, heard.replaces === true);
    if (answered) return;
  }
  const place = {
    channel: heard.channel,
    ...(heard.threadTs === undefined ? {} : { threadTs: heard.threadTs }),
  };
  await chat.whisper(place, heard.userId, message);
}

async function respondTo(
  respond: RespondFn,
  message: Message,
  replaces: boolean,
): Promise<boolean> {
  try {
    await respond({
      response_type: 'ephemeral',
      replace_original: replaces,
      text: message.text,
      blocks: [...message.blocks],
    });
    return true;
  } catch {
    return false;
  }
}
