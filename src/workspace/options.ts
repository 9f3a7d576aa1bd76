/** What a workspace is made of: its people, its channels, its one app. Pure. */
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { ActionWords, Channel, Command, Person } from './shared/model.ts';

/** A person as whoever sets the scene names them. */
export interface WorkspacePerson {
  readonly id: string;
  readonly name: string;
  readonly realName: string;
  /** Shown in the people switcher: `Approver`. */
  readonly title: string;
  readonly zone: string;
  readonly isGuest?: boolean;
  readonly isDeactivated?: boolean;
}

export interface WorkspaceChannel {
  readonly id: string;
  readonly name: string;
  readonly topic?: string;
  readonly isPrivate?: boolean;
  /** Ids of people; default: everybody and the app. */
  readonly members?: readonly string[];
  /** Default: true. */
  readonly appIsMember?: boolean;
}

export interface UserGroup {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  readonly users: readonly string[];
}

/** A button at the top of the page. */
export interface WorkspaceAction extends ActionWords {
  run(): Promise<unknown>;
}

export interface WorkspaceOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly team?: string;
  readonly people: readonly WorkspacePerson[];
  readonly channels: readonly WorkspaceChannel[];
  readonly userGroups?: readonly UserGroup[];
  /** Without a paid plan Slack has no user groups: `plan_upgrade_required`. */
  readonly userGroupsNeedUpgrade?: boolean;
  readonly botToken: string;
  readonly signingSecret: string;
  /** Slash commands of the app; default: `/dbdr` with its usual words. */
  readonly commands?: readonly Command[];
  /** Where the app listens; `pointAt()` changes it. */
  readonly requestUrl: string;
  readonly actions?: readonly WorkspaceAction[];
  /** Answer 429 as Slack's tiers would; default: false. */
  readonly rateLimits?: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

export const TEAM_ID = 'T0HOME';
export const APP_ID = 'A0DBDR';
export const BOT_USER = 'U0DBDR';
export const BOT_ID = 'B0DBDR';
export const SLACKBOT = 'USLACKBOT';

/** The app and the workspace's own voice are people too. */
const MACHINES: readonly Person[] = [
  {
    id: BOT_USER,
    name: 'dbdr',
    realName: 'dbdr',
    title: 'Backups and bad days',
    zone: 'UTC',
    isBot: true,
  },
  { id: SLACKBOT, name: 'workspace', realName: 'Workspace', title: '', zone: 'UTC', isBot: true },
];

export function allPeople(people: readonly WorkspacePerson[]): readonly Person[] {
  return [...people, ...MACHINES];
}

export function toChannel(channel: WorkspaceChannel, people: readonly WorkspacePerson[]): Channel {
  const members = channel.members ?? people.map(({ id }) => id);
  return {
    id: channel.id,
    name: channel.name,
    topic: channel.topic ?? '',
    kind: channel.isPrivate === true ? 'private' : 'public',
    members: channel.appIsMember === false ? members : [...members, BOT_USER],
    pinned: [],
    bookmarks: [],
  };
}

export const DBDR_COMMAND: Command = {
  name: '/dbdr',
  description: 'Backups, proofs, restores and bad days',
  hints: [
    { words: 'help', description: 'What you can ask for' },
    { words: 'status', description: 'How safe each server is now' },
    { words: 'incident', description: 'Something is wrong: be led through it' },
    {
      words: 'restore shop --to 14:46 --tables orders',
      description: 'Bring tables back as they were',
    },
    { words: 'update', description: 'Tell the stakeholders' },
    { words: 'backup shop', description: 'Take a backup now' },
    { words: 'backups shop', description: 'List the backups' },
    { words: 'verify shop', description: 'Prove that the newest backup can be restored' },
  ],
};
