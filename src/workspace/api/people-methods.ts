/** auth.test, users.*, usergroups.*: who is who. */
import { BOT_ID, BOT_USER, TEAM_ID } from '../options.ts';
import { type JsonRecord, textAt } from '../shared/json.ts';
import type { Person } from '../shared/model.ts';
import { teamOf } from '../state.ts';
import { type ApiContext, type Method, ok, refused } from './answer.ts';

export const PEOPLE_METHODS: Readonly<Record<string, Method>> = {
  'auth.test': (_args, context) => {
    const team = teamOf(context.options);
    return ok({
      url: `${context.url()}/`,
      team: team.name,
      team_id: team.id,
      user: 'dbdr',
      user_id: BOT_USER,
      bot_id: BOT_ID,
      is_enterprise_install: false,
    });
  },
  'users.info': (args, { state, options }) => {
    const person = state.people.get(textAt(args, 'user'));
    return person === undefined
      ? refused('user_not_found')
      : ok({ user: userJson(person, options) });
  },
  'users.list': (_args, { state, options }) =>
    ok({
      members: [...state.people.values()].map((person) => userJson(person, options)),
      response_metadata: { next_cursor: '' },
    }),
  'usergroups.list': (_args, { options }) =>
    options.userGroupsNeedUpgrade === true
      ? refused('plan_upgrade_required')
      : ok({
          usergroups: (options.userGroups ?? []).map(({ id, handle, name, users }) => ({
            id,
            team_id: TEAM_ID,
            is_usergroup: true,
            handle,
            name,
            users,
            user_count: users.length,
            date_delete: 0,
          })),
        }),
  'usergroups.users.list': (args, { options }) => {
    if (options.userGroupsNeedUpgrade === true) return refused('plan_upgrade_required');
    const group = (options.userGroups ?? []).find(({ id }) => id === textAt(args, 'usergroup'));
    return group === undefined ? refused('no_such_subteam') : ok({ users: group.users });
  },
};

function userJson(person: Person, { clock }: ApiContext['options']): JsonRecord {
  const now = clock.now().toZonedDateTimeISO(person.zone);
  return {
    id: person.id,
    team_id: TEAM_ID,
    name: person.name,
    real_name: person.realName,
    deleted: person.isDeactivated === true,
    is_bot: person.isBot === true,
    is_app_user: false,
    is_admin: false,
    is_restricted: person.isGuest === true,
    is_ultra_restricted: false,
    tz: person.zone,
    tz_label: person.zone,
    tz_offset: Math.round(now.offsetNanoseconds / 1_000_000_000),
    profile: {
      display_name: person.name,
      real_name: person.realName,
      title: person.title,
    },
  };
}
