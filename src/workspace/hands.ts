/**
 * A person's hands for tests and for the unattended demo: the same desk as the page uses, addressed by
 * what a person reads (labels). Throws at once where a person would find nothing to click.
 */
import { Problem } from '../kernel/problem.ts';
import type { Desk } from './desk.ts';
import { elementsOf, fieldsOf, optionsOf } from './entered.ts';
import { WORKSPACE_NOTHING_THERE } from './problems.ts';
import { type JsonRecord, recordsAt, textAt, wordsAt } from './shared/json.ts';
import type {
  ActOutcome,
  Block,
  Channel,
  Entered,
  EnteredValue,
  Message,
  View,
} from './shared/model.ts';
import type { WorkspaceState } from './state.ts';

/** By block id or label: text, a choice (its value or its words), several, or epoch seconds. */
export type FormValues = Readonly<Record<string, EnteredValue>>;

export interface Hands {
  /** Types into a channel (id or name); what begins with `/` is a command. */
  command(text: string, channel: string): Promise<ActOutcome>;
  say(text: string, channel: string, threadTs?: string): Promise<ActOutcome>;
  /** A button by its action id or its words; a confirm dialog counts as confirmed. */
  click(messageTs: string, actionIdOrLabel: string): Promise<ActOutcome>;
  /** Clicks a button in an open form. */
  press(viewId: string, actionIdOrLabel: string): Promise<ActOutcome>;
  submit(viewId: string, values: FormValues): Promise<ActOutcome>;
  close(viewId: string): Promise<ActOutcome>;
}

export function handsOf(state: WorkspaceState, desk: Desk, userId: string): Hands {
  if (!state.people.has(userId)) throw nothing(`There is no person "${userId}"`, {});
  return {
    command: async (text, channel) => desk.say(userId, channelCalled(state, channel).id, text),
    say: async (text, channel, threadTs) =>
      desk.say(userId, channelCalled(state, channel).id, text, threadTs),

    async click(messageTs, actionIdOrLabel) {
      const message = messageSeenBy(state, userId, messageTs);
      const button = findButton(message.blocks, actionIdOrLabel);
      return desk.clickMessage(userId, message, { ...button, value: null, entered: {} });
    },

    async press(viewId, actionIdOrLabel) {
      const view = viewOf(state, userId, viewId);
      const button = findButton(recordsAt(view.content, 'blocks'), actionIdOrLabel);
      return desk.clickView(view, { ...button, value: null, entered: view.entered });
    },

    async submit(viewId, values) {
      const view = viewOf(state, userId, viewId);
      return desk.submit(view, enteredFrom(view, values));
    },

    close: async (viewId) => desk.close(viewOf(state, userId, viewId), false),
  };
}

export function channelCalled(state: WorkspaceState, idOrName: string): Channel {
  const name = idOrName.replace(/^#/, '');
  const channel = state.channel(idOrName) ?? state.channels().find((each) => each.name === name);
  if (channel === undefined)
    throw nothing(`There is no channel "${idOrName}"`, {
      channels: state
        .channels()
        .map((each) => each.name)
        .join(', '),
    });
  return channel;
}

function messageSeenBy(state: WorkspaceState, userId: string, ts: string): Message {
  const seen = [
    ...state.ephemerals(userId),
    ...state
      .channels()
      .filter(({ members }) => members.includes(userId))
      .flatMap(({ id }) => state.messages(id)),
  ];
  const message = seen.find((each) => each.ts === ts);
  if (message === undefined) throw nothing(`There is no message "${ts}" to be seen`, { userId });
  return message;
}

function viewOf(state: WorkspaceState, userId: string, viewId: string): View {
  const view = state.views(userId).find(({ id }) => id === viewId);
  if (view === undefined) throw nothing(`There is no form "${viewId}" open`, { userId });
  return view;
}

function findButton(
  blocks: readonly Block[],
  called: string,
): { readonly blockId: string; readonly actionId: string } {
  const all = blocks.flatMap((block) =>
    elementsOf(block).map((element) => ({
      blockId: textAt(block, 'block_id'),
      actionId: textAt(element, 'action_id'),
      label: wordsAt(element, 'text'),
      spoken: textAt(element, 'accessibility_label'),
    })),
  );
  const found =
    all.find((each) => [each.label, each.spoken].includes(called)) ??
    all.find((each) => each.actionId === called);
  if (found === undefined)
    throw nothing(`There is no "${called}" to click`, {
      buttons: all.map(({ label, actionId }) => label || actionId).join(', '),
    });
  return found;
}

function enteredFrom(view: View, values: FormValues): Entered {
  const blocks = recordsAt(view.content, 'blocks');
  const entered: Record<string, Record<string, EnteredValue>> = {};
  for (const [called, value] of Object.entries(values)) {
    const block = blocks.find((each) =>
      [textAt(each, 'block_id'), wordsAt(each, 'label')].includes(called),
    );
    const [field] = block === undefined ? [] : fieldsOf([block]);
    if (field === undefined)
      throw nothing(`There is no field "${called}" in the form`, {
        fields: blocks.map((each) => wordsAt(each, 'label')).join(', '),
      });
    entered[field.blockId] = { [field.actionId]: optionValue(field.element, value) };
  }
  return { ...view.entered, ...entered };
}

/** A choice may be named by its words. */
function optionValue(element: JsonRecord, value: EnteredValue): EnteredValue {
  const options = optionsOf(element);
  if (options.length === 0 || value === null || typeof value === 'number') return value;
  return typeof value === 'string'
    ? valueCalled(options, value)
    : value.map((words) => valueCalled(options, words));
}

function valueCalled(options: readonly JsonRecord[], words: string): string {
  const option = options.find((each) =>
    [textAt(each, 'value'), wordsAt(each, 'text')].includes(words),
  );
  if (option === undefined)
    throw nothing(`There is no option "${words}"`, {
      options: options.map((each) => wordsAt(each, 'text')).join(', '),
    });
  return textAt(option, 'value');
}

function nothing(message: string, facts: Readonly<Record<string, string>>): Problem {
  return new Problem(WORKSPACE_NOTHING_THERE, message, { facts });
}
