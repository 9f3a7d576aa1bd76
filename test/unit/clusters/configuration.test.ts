/** Tests of the configuration that keeps a scratch cluster from touching the world. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { quoteSetting, renderConfiguration } from '../../../src/clusters/configuration.ts';
import { planScratchPlace } from '../../../src/clusters/place.ts';
import { DEFAULT_REPLAY_SETTINGS } from '../../../src/clusters/replay-settings.ts';

const PLACE = planScratchPlace({ root: '/var/lib/dbdr/scratch', name: 'r-1' });

function render(major = 15): string {
  return renderConfiguration({
    place: PLACE,
    major,
    settings: DEFAULT_REPLAY_SETTINGS,
    recovery: { restore_command: "'/x/feed' %f %p" },
    durable: false,
  });
}

test.each([
  ["listen_addresses = ''"],
  ["archive_mode = 'off'"],
  ["primary_conninfo = ''"],
  ["max_logical_replication_workers = '0'"],
  ["synchronous_standby_names = ''"],
  ["shared_preload_libraries = ''"],
  ["autovacuum = 'off'"],
  ["ssl = 'off'"],
  [`unix_socket_directories = '"/var/lib/dbdr/scratch/r-1/socket"'`],
])('renderConfiguration() says %s', (line) => {
  expect(render().split('\n')).toContain(line);
});

test('renderConfiguration() switches login triggers off where they exist', () => {
  expect(render(17)).toContain("event_triggers = 'off'");
  expect(render(15)).not.toContain('event_triggers');
});

test('renderConfiguration() doubles the quotes of a restore command', () => {
  expect(render()).toContain("restore_command = '''/x/feed'' %f %p'");
});

test('quoteSetting() never lets a value end its own quotes', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const inner = quoteSetting(value).slice(1, -1);

      expect(inner.replaceAll('\\\\', '').replaceAll("''", '')).not.toMatch(/['\\]/);
    }),
  );
});
