/** What rooms ask of the config's rules and of other rooms' pure answers, handed over by `wire.ts`. */
import type { BackupDeps } from './backup/deps.ts';
import type { Config } from './config/config.ts';
import { requestsPath, schedulesOf, watchedServers } from './config/views.ts';
import type { ServerName } from './kernel/ids.ts';
import type { KeysAlarmDeps } from './keys/alarm.ts';
import type { MonitoringDeps } from './monitoring/deps.ts';
import { type RequestsFile, readRequests } from './monitoring/requests.ts';
import { tiersOfListed } from './retention/listed-tiers.ts';
import { rememberedWindow } from './retention/remembered-window.ts';
import { readCron } from './schedule/cron-timer.ts';
import { lastDue, nextDue } from './schedule/due.ts';
import type { VerificationDeps } from './verification/deps.ts';

/** Which servers are watched, and what is expected of them. */
export function monitoringRules(
  config: Config,
): Pick<MonitoringDeps, 'servers' | 'backupDueAt' | 'windowFrom'> {
  return {
    servers: watchedServers(config),
    backupDueAt: (server, now) => backupDueAt(config, server, now),
    windowFrom: windowFrom(config),
  };
}

/** As the bot has counted them. */
export function countedRequests(config: Config): () => Promise<RequestsFile> {
  return () => readRequests(requestsPath(config));
}

/** Where nobody removes by rule, everything from the oldest backup on may still be there. */
function windowFrom({
  servers,
  timezone: zone,
}: Config): NonNullable<MonitoringDeps['windowFrom']> {
  return (server, backups, now) => {
    const rules = servers[server]?.retention;
    if (rules?.automatic !== true) return undefined;
    return rememberedWindow(backups, { server, rules, zone, now });
  };
}

export function tiersOf({ servers, timezone }: Config): NonNullable<BackupDeps['tiersOf']> {
  return (server, backups) => {
    const rules = servers[server]?.retention;
    return rules === undefined ? new Map() : tiersOfListed(backups, rules, timezone);
  };
}

/** Whose backups are proved, how and when. */
export function proofRules(
  config: Config,
): Pick<VerificationDeps, 'servers' | 'tiersOf' | 'nextProofAt' | 'zone'> {
  return {
    servers: config.servers,
    tiersOf: tiersOf(config),
    nextProofAt: nextProofAt(config),
    zone: config.timezone,
  };
}

/** The clock's, of the newest backup: older ones have a schedule of their own. */
function nextProofAt(config: Config): NonNullable<VerificationDeps['nextProofAt']> {
  return (server, now) => {
    const name = `verify:${server}`;
    const schedule = schedulesOf(config).find((each) => each.name === name);
    if (schedule === undefined) return undefined;
    return nextDue(readCron(name, schedule.cron), schedule.zone, now);
  };
}

function backupDueAt(
  config: Config,
  server: ServerName,
  now: Temporal.Instant,
): Temporal.Instant | undefined {
  return dueAt(config, `backup:${server}`, now);
}

/** When the keys were last to be checked. */
export function keysDueAt(config: Config): KeysAlarmDeps['checkDueAt'] {
  return (now) => dueAt(config, 'keys', now);
}

function dueAt(config: Config, name: string, now: Temporal.Instant): Temporal.Instant | undefined {
  const schedule = schedulesOf(config).find((each) => each.name === name);
  if (schedule === undefined) return undefined;
  return lastDue(readCron(name, schedule.cron), schedule.zone, now);
}
