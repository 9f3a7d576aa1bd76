/** Who may what in Slack: ids and groups from config, strangers out, not knowing is not a yes. */
import { expect, test } from 'vitest';

import type { Actor } from '../../../src/gate/people.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import type { Chat } from '../../../src/slack/chat.ts';
import { type SlackPeople, slackPeople } from '../../../src/slack/people.ts';
import { SLACK_UNREACHABLE } from '../../../src/slack/problems.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { recordingChat } from '../../support/recording-chat.ts';

const signal = AbortSignal.timeout(60_000);

function slackActor(id: string): Actor {
  return { kind: 'slack', id, name: id, zone: 'UTC' };
}

function peopleOf(
  chat: Partial<Chat>,
  clock: FakeClock = fakeClock(),
): SlackPeople & { readonly clock: FakeClock } {
  const section = { people: { operators: ['U0ANA'], approvers: ['S0APPROVE', 'U0CLEO'] } };
  return { clock, ...slackPeople({ chat: { ...recordingChat(), ...chat }, section, clock }) };
}

test('roles come from ids and from members of groups', async () => {
  const people = peopleOf({ groupMembers: async () => Promise.resolve(['U0BEN']) });

  const roles = await Promise.all(
    ['U0ANA', 'U0BEN', 'U0CLEO', 'U0OTTO'].map(async (id) =>
      people.rolesOf(slackActor(id), { signal }),
    ),
  );

  expect(roles).toEqual([
    ['viewer', 'operator'],
    ['viewer', 'operator', 'approver'],
    ['viewer', 'operator', 'approver'],
    ['viewer'],
  ]);
});

test.each([
  ['a guest, a bot or somebody deactivated', { isFullMember: false, teamId: 'T0HOME' }],
  ['somebody of another workspace', { isFullMember: true, teamId: 'T0OTHER' }],
  ['somebody of no known workspace', { isFullMember: true, teamId: '' }],
])('%s has no role, even when config names them', async (_who, user) => {
  const people = peopleOf({
    user: async (id) => Promise.resolve({ id, name: id, zone: 'UTC', ...user }),
  });

  expect(await people.rolesOf(slackActor('U0CLEO'), { signal })).toEqual([]);
});

test('a group is asked for again after a minute, so that a removed approver is out', async () => {
  let members = ['U0BEN'];
  const people = peopleOf({ groupMembers: async () => Promise.resolve(members) });
  expect(await people.rolesOf(slackActor('U0BEN'), { signal })).toContain('approver');

  members = [];
  expect(await people.rolesOf(slackActor('U0BEN'), { signal })).toContain('approver');
  await people.clock.advance(60_000);

  expect(await people.rolesOf(slackActor('U0BEN'), { signal })).toEqual(['viewer']);
});

test('a workspace without user groups has only the people that config names', async () => {
  const people = peopleOf({ groupMembers: async () => Promise.resolve(undefined) });

  expect(await people.rolesOf(slackActor('U0CLEO'), { signal })).toContain('approver');
  expect(await people.rolesOf(slackActor('U0BEN'), { signal })).toEqual(['viewer']);
  expect(await people.approvers({ signal })).toEqual(['U0CLEO']);
});

test('where a group cannot be read, whom only the group names is not let in by accident', async () => {
  const people = peopleOf({
    groupMembers: async () => Promise.reject(new Problem(SLACK_UNREACHABLE, 'No answer')),
  });

  await expect(people.rolesOf(slackActor('U0BEN'), { signal })).rejects.toThrow(
    'Slack does not say who you are',
  );
  expect(await people.rolesOf(slackActor('U0CLEO'), { signal })).toContain('approver');
});

test('approvers that cannot be read are not nobody, and are not asked for at every breath', async () => {
  let looks = 0;
  const section = { people: { operators: ['U0ANA'], approvers: ['S0APPROVE'] } };
  const clock = fakeClock();
  const chat = {
    ...recordingChat(),
    groupMembers: async () => {
      looks += 1;
      return Promise.reject(new Problem(SLACK_UNREACHABLE, 'No answer'));
    },
  };
  const people = slackPeople({ chat, section, clock });

  await expect(people.approvers({ signal })).rejects.toThrow('Slack does not say');
  await expect(people.approvers({ signal })).rejects.toThrow('Slack does not say');
  expect(looks).toBe(1);
  await clock.advance(5000);
  await expect(people.approvers({ signal })).rejects.toThrow('Slack does not say');
  expect(looks).toBe(2);
});

test('the zone and the name are those of now', async () => {
  const people = peopleOf({
    user: async (id) =>
      Promise.resolve({
        id,
        teamId: 'T0HOME',
        name: 'ana',
        zone: 'Europe/Berlin',
        isFullMember: true,
      }),
  });

  expect(await people.actorOf('U0ANA')).toEqual({
    kind: 'slack',
    id: 'U0ANA',
    name: 'ana',
    zone: 'Europe/Berlin',
  });
});
