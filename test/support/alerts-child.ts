/**
 * A process of its own that pages, and dies by SIGKILL at the moment it is told:
 * `alerts-child.ts <catalogue> <Events API> <moment>`.
 */
import { alertsSetting } from './alerts-setting.ts';

export type DeathMoment = 'noticed' | 'decided' | 'sent';

const [, , path = '', url = '', moment = ''] = process.argv;

function dieAt(here: DeathMoment): void {
  if (moment === here) process.kill(process.pid, 'SIGKILL');
}

await using setting = await alertsSetting(path);
const { catalog } = setting.at;
const { outbox, findings } = catalog;
const deps = setting.depsOf(url, {
  catalog: {
    ...catalog,
    findings: {
      ...findings,
      async open(row) {
        const isNew = await findings.open(row);
        dieAt('noticed');
        return isNew;
      },
    },
    outbox: {
      ...outbox,
      async add(decided) {
        await outbox.add(decided);
        if (decided.rows.length > 0) dieAt('decided');
      },
      async note(...told) {
        dieAt('sent');
        await outbox.note(...told);
      },
    },
  },
});
await setting.serving(deps, async () => {
  await new Promise(() => {
    // It dies before.
  });
});
