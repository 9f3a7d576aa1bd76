/**
 * Living messages: one for each subject, edited in place. Promises: whoever shows a subject last shows
 * its newest state, since showing the same subject takes turns and reads the state inside its turn; a
 * message that can no longer be edited gets a successor; a channel that is closed to us is replaced by
 * the operations channel.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { MessageRecord } from '../catalog/records.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Chat, Posted } from './chat.ts';
import type { Message } from './messages/blocks.ts';
import { SLACK_CHANNEL_CLOSED } from './problems.ts';

export interface Living {
  /** Posts or edits the message of `subject`; `render` answers undefined where nothing is to be said. */
  show(subject: string, wish: Wish): Promise<Posted | undefined>;
  /** Posts what is said once and never edited; undefined: it was said before. */
  say(subject: string, channel: string, message: Message): Promise<Posted | undefined>;
  /** Answers in the thread of `subject`, once for each `key`. */
  reply(subject: string, key: string, message: Message): Promise<void>;
}

export interface Wish {
  readonly channel: string;
  readonly render: () => Promise<Message | undefined>;
}

export interface LivingOptions {
  readonly chat: Chat;
  readonly messages: Catalog['messages'];
  /** Where we speak when the wished channel is closed to us. */
  readonly opsChannel: string;
}

/** Subjects whose last words are remembered, to save edits that change nothing. */
const REMEMBERED_MAX = 500;

export function livingMessages({ chat, messages, opsChannel }: LivingOptions): Living {
  const inTurn = turnTaker();
  const said = new Map<string, string>();

  async function postAnew(subject: string, channel: string, message: Message): Promise<Posted> {
    const posted = await postOrOps(channel, message);
    await messages.record({ subject, ...posted });
    return posted;
  }

  async function postOrOps(channel: string, message: Message): Promise<Posted> {
    try {
      return await chat.post({ channel }, message);
    } catch (error) {
      if (!isProblem(error, SLACK_CHANNEL_CLOSED) || channel === opsChannel) throw error;
      return chat.post({ channel: opsChannel }, message);
    }
  }

  async function showNow(subject: string, wish: Wish): Promise<Posted | undefined> {
    const message = await wish.render();
    const before = await messages.find(subject);
    if (message === undefined) return before;
    const words = JSON.stringify(message);
    if (before !== undefined && said.get(subject) === words) return before;
    const posted = await editOrPost(subject, before, message, wish.channel);
    if (said.size >= REMEMBERED_MAX) said.clear();
    said.set(subject, words);
    return posted;
  }

  async function editOrPost(
    subject: string,
    before: MessageRecord | undefined,
    message: Message,
    channel: string,
  ): Promise<Posted> {
    if (before === undefined) return postAnew(subject, channel, message);
    const posted = { channel: before.channel, ts: before.ts };
    const outcome = await chat.update(posted, message);
    return outcome === 'updated' ? posted : postAnew(subject, before.channel, message);
  }

  return {
    show: async (subject, wish) => inTurn(subject, async () => showNow(subject, wish)),

    say: async (subject, channel, message) =>
      inTurn(subject, async () =>
        (await messages.find(subject)) === undefined
          ? postAnew(subject, channel, message)
          : undefined,
      ),

    reply: async (subject, key, message) =>
      inTurn(key, async () => {
        const parent = await messages.find(subject);
        if (parent === undefined || (await messages.find(key)) !== undefined) return;
        const place = { channel: parent.channel, threadTs: parent.ts };
        await messages.record({ subject: key, ...(await chat.post(place, message)) });
      }),
  };
}

/** Work on one subject takes turns; different subjects do not wait for each other. */
function turnTaker(): <T>(subject: string, work: () => Promise<T>) => Promise<T> {
  const turns = new Map<string, Promise<unknown>>();
  return async (subject, work) => {
    const before = turns.get(subject) ?? Promise.resolve();
    const mine = before.then(work, work);
    turns.set(subject, mine);
    try {
      return await mine;
    } finally {
      if (turns.get(subject) === mine) turns.delete(subject);
    }
  };
}
