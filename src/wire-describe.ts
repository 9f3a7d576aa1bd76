/**
 * Operations that only describe themselves: their words, their help. Nothing is opened and no config is
 * needed, so that a typing mistake is told at once.
 */
import { EXAMPLE_CONFIG } from './config/example.ts';
import { parseConfig } from './config/load.ts';
import { createRegistry, type Registry } from './gate/registry.ts';
import { composedPeople } from './gate/terminal-people.ts';
import { systemClock } from './kernel/clock.ts';
import { silentLog } from './kernel/log.ts';
import { runbooks } from './runbooks/read-runbooks.ts';
import { RequestCounts } from './storage/request-counts.ts';
import { operationsOf, roomsOf } from './wire.ts';
import { notYet, openStores, type Parts } from './wire-open.ts';

export function describeOperations(): Registry {
  return createRegistry(operationsOf(roomsOf(undescribed())));
}

/** Words are read before anything is opened: these parts are never touched, and say so if they are. */
function undescribed(): Parts {
  const example = { file: '/dbdr.yaml', environment: { SHOP_PASSWORD: 'example' } };
  const { config } = parseConfig(EXAMPLE_CONFIG, example);
  if (config === undefined) throw new TypeError('The example config is not valid');
  return {
    config,
    environment: {},
    catalog: untouched('catalogue'),
    processes: untouched('process list'),
    ring: untouched('key ring'),
    keeper: untouched('key keeper'),
    living: undefined,
    stores: openStores(config, silentLog),
    requests: new RequestCounts(),
    clock: systemClock,
    log: silentLog,
    runbooks: runbooks([]),
    user: undefined,
    people: composedPeople(),
    gate: notYet,
  };
}

function untouched(name: string): never {
  function refuse(): never {
    throw new TypeError(`The ${name} was used where operations only describe themselves`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it stands for anything and does nothing
  return new Proxy(refuse, { get: (_target, key) => untouched(`${name}.${String(key)}`) }) as never;
}
