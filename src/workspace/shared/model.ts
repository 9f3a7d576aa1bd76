/** What the server tells the page: people, channels, messages, forms and their changes. Plain JSON. */
import type { JsonRecord } from './json.ts';

/** A block of Block Kit; validated where it came in. */
export type Block = JsonRecord;

export interface Person {
  readonly id: string;
  /** The handle, without `@`. */
  readonly name: string;
  readonly realName: string;
  /** What the people switcher says about them: `Approver`. */
  readonly title: string;
  /** IANA name. */
  readonly zone: string;
  readonly isGuest?: boolean;
  readonly isDeactivated?: boolean;
  readonly isBot?: boolean;
}

export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly topic: string;
  readonly kind: 'public' | 'private' | 'direct';
  readonly members: readonly string[];
  readonly pinned: readonly string[];
  readonly bookmarks: readonly { readonly title: string; readonly link: string }[];
}

export interface Message {
  readonly channel: string;
  readonly ts: string;
  readonly author: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The message this one answers. */
  readonly threadTs?: string;
  /** Also shown in the channel, though it is in a thread. */
  readonly broadcast?: boolean;
  readonly editedTs?: string;
  /** Only this person sees it. */
  readonly visibleTo?: string;
  readonly reactions: readonly { readonly name: string; readonly users: readonly string[] }[];
  readonly metadata?: JsonRecord;
}

/** A form that is open before one person. */
export interface View {
  readonly id: string;
  readonly user: string;
  readonly hash: string;
  /** What the app sent, with block ids: title, submit, close, blocks, private_metadata, callback_id. */
  readonly content: JsonRecord;
  readonly rootId: string;
  readonly previousId: string | null;
  /** What the person has entered, by block and action: kept here since a click may need it. */
  readonly entered: Entered;
}

/** What a person entered: text, a chosen value, several values, or a moment in epoch seconds. */
export type EnteredValue = string | number | null | readonly string[];
export type Entered = { readonly [blockId: string]: { readonly [actionId: string]: EnteredValue } };

export interface Command {
  /** `/dbdr`. */
  readonly name: string;
  readonly description: string;
  /** Completions behind the command: `restore shop --to 14:46`. */
  readonly hints: readonly { readonly words: string; readonly description: string }[];
}

/** A button at the top of the page. */
export interface ActionWords {
  readonly id: string;
  readonly label: string;
  readonly description: string;
}

export type Change =
  | { readonly kind: 'message'; readonly message: Message }
  | {
      readonly kind: 'removed';
      readonly channel: string;
      readonly ts: string;
      readonly visibleTo?: string;
    }
  | { readonly kind: 'channel'; readonly channel: Channel }
  | { readonly kind: 'views'; readonly user: string; readonly views: readonly View[] };

/** Everything one person may see. */
export interface Snapshot {
  readonly team: string;
  readonly me: string;
  readonly people: readonly Person[];
  readonly channels: readonly Channel[];
  readonly messages: readonly Message[];
  readonly views: readonly View[];
  readonly commands: readonly Command[];
  readonly actions: readonly ActionWords[];
}

/** What became of something a person did in the page. */
export type ActOutcome =
  | { readonly outcome: 'done' }
  /** Errors by block id, shown beside the fields. */
  | { readonly outcome: 'errors'; readonly errors: { readonly [blockId: string]: string } }
  /** One sentence for the person: the app did not answer, or answered nonsense. */
  | { readonly outcome: 'failed'; readonly reason: string };
