/**
 * What a person can do: write, ask the app with a command, click, fill in a form, close it. Promises:
 * the app hears of it in Slack's shape and signed, and a silent or absent app is told to the person in
 * Slack's words. One desk serves the page, the tests and the unattended demo alike.
 */
import { applyAnswer } from './answers.ts';
import { missingFields } from './entered.ts';
import type { Handles, ResponsePlace } from './handles.ts';
import { SLACKBOT, type WorkspaceOptions } from './options.ts';
import {
  closedPayload,
  commandFields,
  findElement,
  messageClickPayload,
  type Occasion,
  submissionPayload,
  viewClickPayload,
} from './payloads.ts';
import { flagAt, isRecord, type JsonRecord, recordsAt, textAt } from './shared/json.ts';
import type {
  ActOutcome,
  Channel,
  Command,
  Entered,
  EnteredValue,
  Message,
  View,
} from './shared/model.ts';
import { teamOf, type WorkspaceState } from './state.ts';
import { applySubmission } from './submission.ts';
import { type Delivery, deliver } from './to-app.ts';
import { closeView, keepEntered } from './view-stack.ts';

export interface DeskDeps {
  readonly state: WorkspaceState;
  readonly handles: Handles;
  readonly options: WorkspaceOptions;
  readonly commands: readonly Command[];
  readonly requestUrl: () => string;
  /** The base of response URLs. */
  readonly url: () => string;
  readonly signal: AbortSignal;
}

export interface Click {
  readonly blockId: string;
  readonly actionId: string;
  /** What was chosen in the element; null for a button. */
  readonly value: EnteredValue;
  /** What stands in the other fields around it. */
  readonly entered: Entered;
}

export interface Desk {
  /** Posts what was typed; what begins with `/` is a command. */
  say(userId: string, channelId: string, text: string, threadTs?: string): Promise<ActOutcome>;
  clickMessage(userId: string, message: Message, click: Click): Promise<ActOutcome>;
  clickView(view: View, click: Click): Promise<ActOutcome>;
  submit(view: View, entered: Entered): Promise<ActOutcome>;
  /** Closes the topmost form, or all of them. */
  close(view: View, all: boolean): Promise<ActOutcome>;
}

const DONE: ActOutcome = { outcome: 'done' };

export function createDesk(deps: DeskDeps): Desk {
  const { state } = deps;
  return {
    async say(userId, channelId, text, threadTs) {
      const channel = state.channel(channelId);
      if (channel === undefined || !channel.members.includes(userId))
        return failed('You are not in this channel.');
      if (text.startsWith('/') && threadTs === undefined)
        return command(deps, userId, channel, text);
      if (text.startsWith('/')) return inThread(deps, userId, channel, { text, threadTs });
      state.add({
        channel: channelId,
        author: userId,
        text,
        blocks: [],
        ...(threadTs === undefined ? {} : { threadTs }),
      });
      return DONE;
    },

    clickMessage: async (userId, message, click) => clickMessage(deps, userId, message, click),
    clickView: async (view, click) => clickView(deps, view, click),

    async submit(view, entered) {
      const kept = keepEntered(state, view, entered);
      const errors = missingFields(recordsAt(view.content, 'blocks'), entered);
      if (Object.keys(errors).length > 0) return { outcome: 'errors', errors };
      const occasion = occasionOf(deps, view.user);
      if (occasion === undefined) return failed('There is no such person.');
      const delivery = await send(deps, submissionPayload(occasion, kept, entered));
      if (delivery.outcome !== 'acknowledged') return failed(troubleOf(delivery));
      return applySubmission(state, kept, delivery.body);
    },

    async close(view, all) {
      const root = all ? (state.views(view.user)[0] ?? view) : view;
      closeView(state, root);
      if (!flagAt(view.content, 'notify_on_close')) return DONE;
      const occasion = occasionOf(deps, view.user);
      if (occasion !== undefined) await send(deps, closedPayload(occasion, view, all));
      return DONE;
    },
  };
}

/** Slack docs, Slash commands: they cannot be invoked in threads. */
function inThread(
  deps: DeskDeps,
  userId: string,
  channel: Channel,
  { text, threadTs }: { readonly text: string; readonly threadTs: string | undefined },
): ActOutcome {
  deps.state.add({
    channel: channel.id,
    author: SLACKBOT,
    text: `${text.split(/\s/)[0] ?? text} is not supported in threads. Sorry!`,
    blocks: [],
    visibleTo: userId,
    ...(threadTs === undefined ? {} : { threadTs }),
  });
  return DONE;
}

async function command(
  deps: DeskDeps,
  userId: string,
  channel: Channel,
  typed: string,
): Promise<ActOutcome> {
  const [name = '', ...rest] = typed.trim().split(/\s+/);
  const occasion = occasionOf(deps, userId);
  if (occasion === undefined) return failed('There is no such person.');
  if (!deps.commands.some((each) => each.name === name)) {
    whisper(deps, userId, channel.id, `${name} is not a valid command.`);
    return DONE;
  }
  const place = { userId, channel: channel.id };
  const delivery = await deliver(
    envelope(
      deps,
      commandFields({
        occasion,
        channel,
        command: name,
        text: rest.length === 0 ? '' : typed.trim().slice(name.length).trim(),
        responseUrl: responseUrl(deps, place),
      }),
    ),
    { clock: deps.options.clock, signal: deps.signal },
  );
  if (delivery.outcome === 'acknowledged') answerCommand(deps, place, typed, delivery.body);
  else whisper(deps, userId, channel.id, `${name} failed with the error "${errorOf(delivery)}"`);
  return DONE;
}

/** An app may answer in the same breath. */
function answerCommand(deps: DeskDeps, place: ResponsePlace, typed: string, body: unknown): void {
  const answer = typeof body === 'string' ? { text: body } : body;
  if (!isRecord(answer) || (textAt(answer, 'text') === '' && answer['blocks'] === undefined))
    return;
  const { userId, channel } = place;
  if (textAt(answer, 'response_type') === 'in_channel')
    deps.state.add({ channel, author: userId, text: typed, blocks: [] });
  const applied = applyAnswer(deps.state, place, answer);
  if (applied.outcome === 'bad')
    whisper(deps, userId, channel, `The app's answer was refused: ${applied.error}`);
}

async function clickMessage(
  deps: DeskDeps,
  userId: string,
  message: Message,
  click: Click,
): Promise<ActOutcome> {
  const found = findElement(message.blocks, click.blockId, click.actionId);
  const channel = deps.state.channel(message.channel);
  const occasion = occasionOf(deps, userId);
  if (found === undefined || channel === undefined || occasion === undefined)
    return failed('This button is no longer there.');
  const { threadTs } = message;
  const payload = messageClickPayload({
    occasion,
    message,
    channel,
    used: { ...found, value: click.value },
    entered: click.entered,
    responseUrl: responseUrl(deps, {
      userId,
      channel: channel.id,
      messageTs: message.ts,
      ...(threadTs === undefined ? {} : { threadTs }),
    }),
  });
  const delivery = await send(deps, payload);
  return delivery.outcome === 'acknowledged' ? DONE : failed(troubleOf(delivery));
}

async function clickView(deps: DeskDeps, view: View, click: Click): Promise<ActOutcome> {
  const found = findElement(recordsAt(view.content, 'blocks'), click.blockId, click.actionId);
  const occasion = occasionOf(deps, view.user);
  if (found === undefined || occasion === undefined) return failed('This is no longer there.');
  const kept = keepEntered(deps.state, view, click.entered);
  const used = { ...found, value: click.value };
  const delivery = await send(deps, viewClickPayload(occasion, kept, click.entered, used));
  return delivery.outcome === 'acknowledged' ? DONE : failed(troubleOf(delivery));
}

function occasionOf(deps: DeskDeps, userId: string): Occasion | undefined {
  const user = deps.state.people.get(userId);
  if (user === undefined) return undefined;
  return {
    user,
    domain: teamOf(deps.options).domain,
    triggerId: deps.handles.newTrigger(userId),
    at: `${deps.options.clock.now().epochMilliseconds / 1000}`,
  };
}

async function send(deps: DeskDeps, payload: JsonRecord): Promise<Delivery> {
  return deliver(envelope(deps, { payload: JSON.stringify(payload) }), {
    clock: deps.options.clock,
    signal: deps.signal,
  });
}

function envelope(
  deps: DeskDeps,
  fields: Readonly<Record<string, string>>,
): Parameters<typeof deliver>[0] {
  return { url: deps.requestUrl(), fields, signingSecret: deps.options.signingSecret };
}

function responseUrl(deps: DeskDeps, place: ResponsePlace): string {
  return `${deps.url()}/respond/${deps.handles.newResponse(place)}`;
}

function whisper(deps: DeskDeps, userId: string, channel: string, text: string): void {
  deps.state.add({ channel, author: SLACKBOT, text, blocks: [], visibleTo: userId });
}

/** Slack's codes, as it shows them behind a failed command. */
function errorOf(delivery: Delivery): string {
  if (delivery.outcome === 'timed out') return 'operation_timeout';
  return delivery.outcome === 'refused' ? `http_error_${delivery.status}` : 'dispatch_failed';
}

function troubleOf(delivery: Delivery): string {
  if (delivery.outcome === 'timed out') return 'dbdr took too long to answer. Try again.';
  return delivery.outcome === 'refused'
    ? `dbdr answered with an error (${delivery.status}). Try again.`
    : 'dbdr cannot be reached. Is it running? Try again.';
}

function failed(reason: string): ActOutcome {
  return { outcome: 'failed', reason };
}
