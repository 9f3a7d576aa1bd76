/**
 * The bot, put together: the services that every room offers, kept alive until it is told to stop. Loaded
 * by `serve` alone, so that no other command pays for the clock and the chat.
 */
import { archivingService } from './archiving/services.ts';
import { backupPacksSweeper } from './backup/packs-sweeper.ts';
import type { ServeOptions } from './cli/house.ts';
import { serveParts } from './cli/serve.ts';
import { scratchClusterSweeper } from './clusters/teardown.ts';
import type { LoadedConfig } from './config/load.ts';
import { healthPath, schedulesOf, serverNames } from './config/views.ts';
import { openFileKeyRing } from './encryption/file-key-ring.ts';
import type { Sweeper } from './gate/operation.ts';
import { recover, recoverService } from './gate/recover.ts';
import { runnerService } from './gate/runner.ts';
import { incidentFollower } from './incidents/follower.ts';
import { utcText } from './kernel/codecs.ts';
import type { Finding } from './kernel/finding.ts';
import { healthService } from './monitoring/health.ts';
import { probeService } from './monitoring/probe-service.ts';
import { scheduleService } from './schedule/schedule-service.ts';
import type { Environment } from './secrets/sources.ts';
import { openHouse, openParts, type Parts, type Rooms, random } from './wire.ts';

export async function serve(
  loaded: LoadedConfig,
  environment: Environment,
  options: ServeOptions,
): Promise<void> {
  const { log, signal, say } = options;
  // Nothing can be kept without it: better no bot than one that only seems to work.
  await openFileKeyRing(loaded.config.keys.path);
  const parts = await openParts(loaded, environment, options);
  const { catalog, clock, config } = parts;
  await using house = openHouse(parts);
  const { gate, gateDeps, rooms } = house;
  const recovering = { ...gateDeps, sweepers: sweepersOf(rooms) };
  const { interrupted, swept } = await recover(recovering, { signal });
  if (interrupted.length + swept.length > 0)
    say(`Found ${interrupted.length} interrupted runs; took back ${swept.length} things they left`);
  const { incidents, archiving, monitoring } = rooms;
  const schedules = schedulesOf(config);
  const { schedules: records, cursors, runs } = catalog;
  await serveParts(
    {
      callers: [scheduleService({ schedules, gate, records, clock, log })],
      runs: [runnerService({ gate, runs, clock, log })],
      services: [
        ...archiving.servers.map((server) => archivingService(server, archiving)),
        recoverService(recovering),
        probeService(monitoring),
        incidentFollower({ gate, cursors, incidents }),
      ],
    },
    {
      clock,
      log,
      leases: catalog.leases,
      holder: gateDeps.processes.self,
      random,
      signal,
      onFlapping: keepFinding(parts),
      ready: () => say(`Ready: looking after ${serverNames(config).join(', ')}`),
      health: (services) => healthService({ path: healthPath(config), clock, services }),
    },
  );
}

function sweepersOf({ backup }: Rooms): readonly Sweeper[] {
  return [scratchClusterSweeper, backupPacksSweeper(backup)];
}

function keepFinding({ catalog, clock, log }: Parts): (finding: Finding) => void {
  return (finding) => {
    const { code, server } = finding;
    const row = { code, server, finding: { ...finding }, at: utcText(clock.now()) };
    catalog.findings.open(row).catch((error: unknown) => {
      log.warn('Cannot keep a finding', { finding: code, error });
    });
  };
}
