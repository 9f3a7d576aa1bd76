/** The config as rooms take it: names with their types, lengths in seconds, what follows from several keys. Pure. */
import { join } from 'node:path';

import { isServerName, type ServerName } from '../kernel/ids.ts';
import type { Config } from './config.ts';
import type { ServerSection } from './sections/servers.ts';

export function serversOf(
  config: Config,
): readonly (readonly [name: ServerName, server: ServerSection])[] {
  return Object.entries(config.servers).map(([name, server]) => {
    if (!isServerName(name)) throw new TypeError(`Not a server's name: "${name}"`);
    return [name, server];
  });
}

export function serverNames(config: Config): readonly ServerName[] {
  return serversOf(config).map(([name]) => name);
}

export function urlOf(config: Config, name: string): string {
  const found = serversOf(config).find(([known]) => known === name);
  if (found === undefined) throw new TypeError(`Not a server of the config: "${name}"`);
  return found[1].url;
}

/** How a server is backed up; of one that is not in the config any more: nothing. */
export function tuningOf(
  config: Config,
  name: string,
): {
  readonly compression?: { readonly method: 'zstd' | 'none'; readonly level: number };
  readonly maxBytesPerSecond?: number | undefined;
  readonly workers?: number | undefined;
} {
  const backup = serversOf(config).find(([known]) => known === name)?.[1].backup;
  if (backup === undefined) return {};
  const { compression: method, level, workers, max_bytes_per_second: maxBytesPerSecond } = backup;
  return { compression: { method, level }, maxBytesPerSecond, workers };
}

export function watchedServers(config: Config): readonly {
  readonly name: ServerName;
  readonly url: string;
  readonly stores: readonly string[];
  readonly rpoSeconds: number;
  readonly rtoSeconds: number;
  readonly alarmHours: number;
}[] {
  return serversOf(config).map(([name, { url, stores, objectives, verification }]) => ({
    name,
    url,
    stores,
    alarmHours: verification.alarm_hours,
    rpoSeconds: secondsOf(objectives.rpo),
    rtoSeconds: secondsOf(objectives.rto),
  }));
}

/** A length of time that the schema let through. */
export function secondsOf(duration: string): number {
  return Temporal.Duration.from(duration).total('seconds');
}

export function approvalsOf({ slack }: Config): {
  readonly high: number;
  readonly expires: Temporal.Duration;
  readonly self: boolean;
} {
  const { high = 1, expires = 'PT30M', self = false } = slack?.approvals ?? {};
  return { high, expires: Temporal.Duration.from(expires), self };
}

/** Where scheduled runs, and steps that a terminal takes, are spoken of. Undefined: nowhere. */
export function opsAudience({ slack }: Config): string | undefined {
  return slack === undefined ? undefined : `slack:${slack.channels.ops}`;
}

/** One asking for each schedule in the config. */
export function schedulesOf(config: Config): readonly {
  readonly name: string;
  readonly cron: string;
  readonly zone: string;
  readonly ask: {
    readonly operation: string;
    readonly input: { readonly [key: string]: unknown };
    readonly audience?: string;
  };
}[] {
  const audience = opsAudience(config);
  const keys = {
    name: 'keys',
    cron: config.keys.check.schedule,
    zone: config.timezone,
    ask: {
      operation: 'keys',
      input: { action: 'check' },
      ...(audience === undefined ? {} : { audience }),
    },
  };
  const ofServers = serversOf(config).flatMap(([server, { backup, verification }]) =>
    [
      { name: 'backup', operation: 'backup', cron: backup.schedule, input: { server } },
      { name: 'verify', operation: 'verify', cron: verification.schedule, input: { server } },
      {
        name: 'verify-older',
        operation: 'verify',
        cron: verification.older.schedule,
        input: { server, older: true },
      },
    ].map(({ name, operation, cron, input }) => ({
      name: `${name}:${server}`,
      cron,
      zone: config.timezone,
      ask: { operation, input, ...(audience === undefined ? {} : { audience }) },
    })),
  );
  return [...ofServers, keys];
}

export function catalogPath({ state }: Config): string {
  return join(state, 'catalog.sqlite');
}

/** Where `serve` counts what it asks of buckets. */
export function requestsPath({ state }: Config): string {
  return join(state, 'requests.json');
}

/** Where `serve` says how it is. */
export function healthPath({ state }: Config): string {
  return join(state, 'serve.json');
}
