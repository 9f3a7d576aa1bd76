/**
 * Who asks in Slack and what they may: roles from config alone, matched on Slack user ids. User
 * groups are expanded and remembered for a minute at most. Guests, bots, deactivated people and people
 * of other workspaces have no role. Where Slack cannot be asked, nobody gets a role by accident.
 */
import type { SlackSection } from '../config/sections/slack.ts';
import type { Actor, People, Role } from '../gate/people.ts';
import type { Clock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { Chat, SlackUser } from './chat.ts';
import { SLACK_PERSON_UNKNOWN } from './problems.ts';

/** Slack allows about twenty of these calls a minute; a removed approver is out within one. */
const REMEMBERED_MS = 60_000;

export interface SlackPeople extends People {
  /** The person as an actor, with name and zone as of now. @throws Problem SLACK_PERSON_UNKNOWN */
  actorOf(userId: string): Promise<Actor>;
}

export interface SlackPeopleOptions {
  readonly chat: Pick<Chat, 'user' | 'groupMembers' | 'teamId'>;
  readonly section: Pick<SlackSection, 'people'>;
  readonly clock: Clock;
}

export function slackPeople({ chat, section, clock }: SlackPeopleOptions): SlackPeople {
  const users = remembering(clock, async (id: string) => chat.user(id));
  const groups = remembering(clock, async (id: string) => chat.groupMembers(id));

  return {
    async actorOf(userId) {
      const user = await known(async () => users(userId));
      return { kind: 'slack', id: user.id, name: user.name, zone: user.zone };
    },

    async rolesOf(actor) {
      if (actor.kind !== 'slack') return [];
      const user = await known(async () => users(actor.id));
      const team = await known(async () => chat.teamId());
      if (!isOurs(user, team)) return [];
      const roles: Role[] = ['viewer'];
      const { operators, approvers } = section.people;
      const mayApprove = await belongs(actor.id, approvers, groups);
      if (mayApprove || (await belongs(actor.id, operators, groups))) roles.push('operator');
      if (mayApprove) roles.push('approver');
      return roles;
    },

    async approvers() {
      const ids = await Promise.all(
        section.people.approvers.map(async (id) => expand(id, groups).catch(() => [])),
      );
      return [...new Set(ids.flat())];
    },
  };
}

function isOurs(user: SlackUser, team: string): boolean {
  return user.isFullMember && user.teamId === team;
}

type Groups = (id: string) => Promise<readonly string[] | undefined>;

/** Names of people come first: they hold even where groups cannot be read. */
async function belongs(userId: string, ids: readonly string[], groups: Groups): Promise<boolean> {
  if (ids.includes(userId)) return true;
  for (const id of ids.filter(isGroup)) {
    const members = await known(async () => expand(id, groups));
    if (members.includes(userId)) return true;
  }
  return false;
}

/** A workspace without user groups has only the people that config names. */
async function expand(id: string, groups: Groups): Promise<readonly string[]> {
  return isGroup(id) ? ((await groups(id)) ?? []) : [id];
}

function isGroup(id: string): boolean {
  return id.startsWith('S');
}

/** Not knowing is not a yes. */
async function known<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (cause) {
    throw new Problem(
      SLACK_PERSON_UNKNOWN,
      'Cannot tell what you may do: Slack does not say who you are',
      { cause },
    );
  }
}

function remembering<T>(
  clock: Clock,
  look: (id: string) => Promise<T>,
): (id: string) => Promise<T> {
  const kept = new Map<string, { readonly atMs: number; readonly value: T }>();
  return async (id) => {
    const before = kept.get(id);
    if (before !== undefined && clock.elapsedMs() - before.atMs < REMEMBERED_MS)
      return before.value;
    const atMs = clock.elapsedMs();
    const value = await look(id);
    kept.set(id, { atMs, value });
    return value;
  };
}
