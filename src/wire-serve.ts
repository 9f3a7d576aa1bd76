/**
 * The bot, put together: the services that every room offers, kept alive until it is told to stop. Loaded
 * by `serve` alone, so that no other command pays for the clock and the chat.
 */

import type { AlertsDeps } from './alerts/deps.ts';
import { alertsService } from './alerts/services.ts';
import { archivingService } from './archiving/services.ts';
import { coverageService } from './archiving/watch-coverage.ts';
import { storeSweeper } from './backup/store-sweeper.ts';
import type { ServeOptions } from './cli/house.ts';
import { serveParts } from './cli/serve.ts';
import { createUpdates } from './communications/updates.ts';
import type { Config } from './config/config.ts';
import type { LoadedConfig } from './config/load.ts';
import {
  healthPath,
  opsAudience,
  requestsPath,
  schedulesOf,
  secondsOf,
  serverNames,
  serversOf,
} from './config/views.ts';
import { requireWritable } from './encryption/living-ring.ts';
import type { People } from './gate/people.ts';
import { recoverService } from './gate/recover.ts';
import { runnerService } from './gate/runner.ts';
import { composedPeople } from './gate/terminal-people.ts';
import { incidentFollower } from './incidents/follower.ts';
import { untilAborted } from './kernel/aborted.ts';
import { systemClock } from './kernel/clock.ts';
import { utcText } from './kernel/codecs.ts';
import type { Service } from './kernel/service.ts';
import { keysAlarm } from './keys/alarm.ts';
import { keysService } from './keys/services.ts';
import { mirrorServices } from './mirroring/services.ts';
import { type HealthWriter, healthService } from './monitoring/health.ts';
import { probeService } from './monitoring/probe-service.ts';
import { requestsService } from './monitoring/requests.ts';
import { instanceReaper } from './recovery/instances.ts';
import { afterBackupService } from './retention/after-backup.ts';
import { lockService } from './retention/keep-locks.ts';
import { scheduleService } from './schedule/schedule-service.ts';
import type { Environment } from './secrets/sources.ts';
import { runLink } from './slack/links.ts';
import { endFlapping, type FlappingFinding, keepFlapping } from './supervision/flapping.ts';
import { afterProofService } from './verification/after-proof.ts';
import { openHouse, type Rooms, sweepersOf, type WiredHouse } from './wire.ts';
import { openKeyRing, openPager, openParts, type Parts, random } from './wire-open.ts';
import { keysDueAt } from './wire-rules.ts';

export async function serve(
  loaded: LoadedConfig,
  environment: Environment,
  options: ServeOptions,
): Promise<void> {
  const { log, signal, say } = options;
  // Nothing can be kept without it: better no bot than one that only seems to work.
  requireWritable(await openKeyRing(loaded.config.keys, { clock: systemClock, signal }));
  const opened = await openParts(loaded, environment, options);
  const { catalog, clock, config } = opened;
  const door = await openChat(opened);
  const parts = door === undefined ? opened : { ...opened, people: composedPeople(door.people) };
  await using house = openHouse(parts);
  const { gate, gateDeps, rooms } = house;
  const { interrupted, swept } = await house.recover({ signal });
  if (interrupted.length + swept.length > 0) say(foundLine(interrupted.length, swept.length));
  const { incidents, archiving, monitoring, mirroring, recovery } = rooms;
  const chat = await door?.start(house);
  const schedules = schedulesOf(config);
  const { schedules: records, cursors, runs } = catalog;
  await serveParts(
    {
      callers: [
        scheduleService({ schedules, gate, records, clock, log }),
        ...(chat === undefined ? [] : [chat.door]),
      ],
      runs: [runnerService({ gate, runs, clock, log })],
      services: [
        ...archiving.servers.map((server) => archivingService(server, archiving)),
        ...archiving.servers.map((server) => coverageService(server, archiving)),
        ...mirrorServices(mirroring),
        storeSweeper({ ...rooms.backup, log }),
        ...keysServices(rooms),
        recoverService({ ...gateDeps, sweepers: sweepersOf(rooms) }),
        probeService(monitoring),
        requestsService({ path: requestsPath(config), counts: parts.requests, clock, log }),
        instanceReaper(recovery),
        incidentFollower({ gate, cursors, incidents }),
        lockService(rooms.retention),
        thinningOut(house),
        paging(house, chat?.links),
        provingOn(house),
        ...(chat?.services ?? []),
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
      ready: () => say(readyLine(config, chat)),
      health: healthOf(parts),
    },
  );
}

/** After each backup: locks always, removal where the config says so. */
function thinningOut({ gate, rooms: { parts, retention } }: WiredHouse): Service {
  const { catalog, clock, config, log } = parts;
  const automatic = serversOf(config).filter(([, server]) => server.retention.automatic);
  return afterBackupService({
    gate,
    catalog,
    retention,
    automatic: automatic.map(([name]) => name),
    zone: config.timezone,
    audience: opsAudience(config),
    clock,
    log,
  });
}

/** What is still due once a proof has ended. */
function provingOn({ gate, rooms: { parts, verification } }: WiredHouse): Service {
  const { catalog, clock, config, log } = parts;
  const audience = opsAudience(config);
  return afterProofService({ gate, catalog, verification, audience, clock, log });
}

/** Also without a pager: what it notices stands in `status`, and proofs are tried again. */
function paging({ gate, rooms: { parts } }: WiredHouse, links: AlertsDeps['links']): Service {
  const { catalog, clock, config, log } = parts;
  return alertsService({
    servers: serversOf(config).map(([name, { verification }]) => ({
      name,
      retries: verification.retries,
    })),
    pager: openPager(config),
    undeliveredSeconds: secondsOf(config.alerts.undelivered_after),
    remindSeconds: secondsOf(config.alerts.remind_after),
    links,
    gate,
    catalog,
    zone: config.timezone,
    audience: opsAudience(config),
    clock,
    log,
    random,
  });
}

/** A ring that could not be opened has nothing to learn: the bot would not have started. */
function keysServices({ keys, parts }: Rooms): readonly Service[] {
  const { config, living } = parts;
  const alarm = keysAlarm({ ...parts, servers: keys.servers, checkDueAt: keysDueAt(config) });
  return living === undefined ? [alarm] : [keysService({ ...keys, ring: living }), alarm];
}

/** Says how the services are, and takes back that one does not stay up once it does. */
function healthOf({
  catalog,
  clock,
  config,
}: Parts): (services: HealthWriter['services']) => Service {
  return (services) =>
    healthService({
      path: healthPath(config),
      clock,
      services,
      async onWell(service) {
        const running = services().map(({ name }) => name);
        await endFlapping(catalog.findings, service, running);
      },
    });
}

function foundLine(interrupted: number, swept: number): string {
  const runs = interrupted === 1 ? '1 interrupted run' : `${interrupted} interrupted runs`;
  const things = swept === 1 ? '1 thing' : `${swept} things`;
  return `Found ${runs}; took back ${things} that dead processes had left`;
}

function readyLine(config: Config, chat: Chatting | undefined): string {
  const slack = chat === undefined ? '' : `, Slack on port ${chat.port}`;
  return `Ready: looking after ${serverNames(config).join(', ')}${slack}`;
}

// ——— the chat ———

interface ChatDoor {
  readonly people: People;
  start(house: WiredHouse): Promise<Chatting>;
}

interface Chatting {
  readonly port: number;
  /** Open while it runs; a caller like the clock. */
  readonly door: Service;
  readonly services: readonly Service[];
  /** Where people see a run's message. */
  readonly links: NonNullable<AlertsDeps['links']>;
}

/** Undefined: there is no `slack` section. Slack's packages are loaded only where there is. */
async function openChat({ config, clock, log, catalog }: Parts): Promise<ChatDoor | undefined> {
  const section = config.slack;
  if (section === undefined) return undefined;
  const { slackChat } = await import('./slack/chat.ts');
  const { slackPeople } = await import('./slack/people.ts');
  const { startSlackApp } = await import('./slack/app.ts');
  const chat = slackChat({ section, log });
  const people = slackPeople({ chat, section, clock });
  return {
    people,
    async start({ gate, registry, rooms: { incidents } }) {
      const { undeliveredService } = await import('./slack/undelivered.ts');
      const updates = createUpdates({ incidents, clock });
      const servers = serverNames(config);
      const said = { section, gate, catalog, chat, people, registry, servers };
      const app = await startSlackApp({ ...said, incidents, updates, clock, log });
      const opsChannel = section.channels.ops;
      const undelivered = undeliveredService({ chat, catalog, opsChannel, clock, log });
      const services = [...app.services, undelivered];
      const { messages } = catalog;
      return {
        port: app.port,
        door: doorService(app),
        services,
        links: async (runId) => runLink({ chat, messages }, runId),
      };
    },
  };
}

/** It has been open since it was started; what is asked of this service is to close it. */
function doorService(app: AsyncDisposable): Service {
  return {
    name: 'slack:door',
    async run({ signal, ready }) {
      ready();
      await untilAborted(signal);
      await app[Symbol.asyncDispose]();
    },
  };
}

function keepFinding({ catalog, clock, config, log }: Parts): (finding: FlappingFinding) => void {
  return (finding) => {
    const where = { at: utcText(clock.now()), servers: serverNames(config) };
    keepFlapping(catalog.findings, finding, where).catch((error: unknown) => {
      log.warn('Cannot keep a finding', { finding: finding.code, error });
    });
  };
}
