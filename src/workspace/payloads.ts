/** The payloads that Slack sends to an app, in Slack's shapes. Pure. */
import { elementsOf, stateValues, valueShape } from './entered.ts';
import { APP_ID, BOT_ID, BOT_USER, TEAM_ID } from './options.ts';
import { type JsonRecord, recordsAt, textAt } from './shared/json.ts';
import type {
  Block,
  Channel,
  Entered,
  EnteredValue,
  Message,
  Person,
  View,
} from './shared/model.ts';

/** What every interaction carries. */
export interface Occasion {
  readonly user: Person;
  readonly domain: string;
  readonly triggerId: string;
  /** Seconds with a fraction, as Slack writes moments. */
  readonly at: string;
}

export interface CommandWords {
  readonly occasion: Occasion;
  readonly channel: Channel;
  readonly command: string;
  readonly text: string;
  readonly responseUrl: string;
}

export function commandFields(words: CommandWords): Readonly<Record<string, string>> {
  const { occasion, channel } = words;
  return {
    token: 'unused',
    team_id: TEAM_ID,
    team_domain: occasion.domain,
    channel_id: channel.id,
    channel_name: channel.kind === 'direct' ? 'directmessage' : channel.name,
    user_id: occasion.user.id,
    user_name: occasion.user.name,
    command: words.command,
    text: words.text,
    api_app_id: APP_ID,
    is_enterprise_install: 'false',
    response_url: words.responseUrl,
    trigger_id: occasion.triggerId,
  };
}

/** Which element was used, and what was chosen in it. */
export interface Used {
  readonly block: Block;
  readonly element: JsonRecord;
  readonly value: EnteredValue;
}

export function findElement(
  blocks: readonly Block[],
  blockId: string,
  actionId: string,
): Omit<Used, 'value'> | undefined {
  const block = blocks.find((each) => textAt(each, 'block_id') === blockId);
  const element = block && elementsOf(block).find((each) => textAt(each, 'action_id') === actionId);
  return block === undefined || element === undefined ? undefined : { block, element };
}

export interface MessageClick {
  readonly occasion: Occasion;
  readonly message: Message;
  readonly channel: Channel;
  readonly used: Used;
  readonly entered: Entered;
  readonly responseUrl: string;
}

export function messageClickPayload(click: MessageClick): JsonRecord {
  const { occasion, message, channel, used } = click;
  return {
    type: 'block_actions',
    ...common(occasion),
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: channel.id,
      is_ephemeral: message.visibleTo !== undefined,
      ...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
    },
    channel: { id: channel.id, name: channel.name },
    message: messageJson(message),
    state: { values: stateValues(message.blocks, click.entered) },
    response_url: click.responseUrl,
    actions: [actionJson(used, occasion.at)],
  };
}

export function viewClickPayload(
  occasion: Occasion,
  view: View,
  entered: Entered,
  used: Used,
): JsonRecord {
  return {
    type: 'block_actions',
    ...common(occasion),
    container: { type: 'view', view_id: view.id },
    view: viewJson(view, entered),
    actions: [actionJson(used, occasion.at)],
  };
}

export function submissionPayload(occasion: Occasion, view: View, entered: Entered): JsonRecord {
  return {
    type: 'view_submission',
    ...common(occasion),
    view: viewJson(view, entered),
    response_urls: [],
  };
}

export function closedPayload(occasion: Occasion, view: View, isCleared: boolean): JsonRecord {
  return {
    type: 'view_closed',
    ...common(occasion),
    view: viewJson(view, view.entered),
    is_cleared: isCleared,
  };
}

function common({ user, domain, triggerId }: Occasion): JsonRecord {
  return {
    team: { id: TEAM_ID, domain },
    user: { id: user.id, username: user.name, name: user.name, team_id: TEAM_ID },
    api_app_id: APP_ID,
    token: 'unused',
    trigger_id: triggerId,
    enterprise: null,
    is_enterprise_install: false,
  };
}

function actionJson({ block, element, value }: Used, at: string): JsonRecord {
  const kept = ['text', 'value', 'style', 'placeholder'] as const;
  return {
    type: textAt(element, 'type'),
    action_id: textAt(element, 'action_id'),
    block_id: textAt(block, 'block_id'),
    ...Object.fromEntries(
      kept.flatMap((key) => (element[key] === undefined ? [] : [[key, element[key]]])),
    ),
    ...valueShape(element, value),
    action_ts: at,
  };
}

/** A message as conversations.history and interactions show it. */
export function messageJson(message: Message): JsonRecord {
  const isBot = message.author === BOT_USER;
  return {
    type: 'message',
    user: message.author,
    ts: message.ts,
    text: message.text,
    team: TEAM_ID,
    ...(isBot ? { bot_id: BOT_ID, app_id: APP_ID } : {}),
    ...(message.blocks.length === 0 ? {} : { blocks: message.blocks }),
    ...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
    ...(message.metadata === undefined ? {} : { metadata: message.metadata }),
    ...(message.editedTs === undefined
      ? {}
      : { edited: { user: message.author, ts: message.editedTs } }),
    ...(message.reactions.length === 0
      ? {}
      : {
          reactions: message.reactions.map(({ name, users }) => ({
            name,
            users,
            count: users.length,
          })),
        }),
  };
}

export function viewJson(view: View, entered: Entered = view.entered): JsonRecord {
  const { content } = view;
  return {
    id: view.id,
    team_id: TEAM_ID,
    app_id: APP_ID,
    bot_id: BOT_ID,
    app_installed_team_id: TEAM_ID,
    type: 'modal',
    title: content['title'],
    submit: content['submit'] ?? null,
    close: content['close'] ?? null,
    blocks: content['blocks'],
    private_metadata: textAt(content, 'private_metadata'),
    callback_id: textAt(content, 'callback_id'),
    external_id: textAt(content, 'external_id'),
    clear_on_close: content['clear_on_close'] === true,
    notify_on_close: content['notify_on_close'] === true,
    hash: view.hash,
    root_view_id: view.rootId,
    previous_view_id: view.previousId,
    state: { values: stateValues(recordsAt(content, 'blocks'), entered) },
  };
}
