/**
 * Whether the bot lives and is ready, for containers and for whoever wonders: `serve` writes how its
 * services are into a small file, whole or not at all; any other process reads it. A file that is not
 * written again in time is that of a dead bot.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Service } from '../kernel/service.ts';

const WRITE_EVERY_MS = 2000;
/** Older than this, whoever wrote it is gone or hangs. */
const FRESH_SECONDS = 15;
/** As long as supervision counts failures for. */
const STEADY_SECONDS = 600;

const ServiceHealth = z.strictObject({
  name: z.string(),
  state: z.enum(['starting', 'standing by', 'ready', 'failing', 'stopped']),
  since: z.string().nullable(),
  why: z.string().nullable(),
});
export type ServiceHealth = z.infer<typeof ServiceHealth>;

const HealthFile = z.strictObject({
  pid: z.number(),
  at: z.string(),
  services: z.array(ServiceHealth),
});

export const Health = z.strictObject({
  live: z.boolean(),
  ready: z.boolean(),
  /** Why it is not, in one sentence. */
  why: z.string().nullable(),
  pid: z.number().nullable(),
  services: z.array(ServiceHealth),
});
export type Health = z.infer<typeof Health>;

export interface HealthWriter {
  readonly path: string;
  readonly clock: Clock;
  /** Everything that is supervised, this service too. */
  readonly services: () => readonly ServiceHealth[];
  /** A service has stayed up for long: what was noticed of it is over. Called once each time. */
  readonly onWell: (service: string) => Promise<void>;
}

/** Writes while it runs, and takes the file away when it stops. */
export function healthService({ path, clock, services, onWell }: HealthWriter): Service {
  return {
    name: 'health',
    async run({ signal, ready }) {
      ready();
      // Another process that serves the same config writes one of its own.
      const made = `${path}.${randomUUID()}.new`;
      let well: readonly string[] = [];
      while (!signal.aborted) {
        const before = well;
        well = steadyServices(services(), clock.now());
        for (const name of well.filter((one) => !before.includes(one))) await onWell(name);
        const file = { pid: process.pid, at: utcText(clock.now()), services: services() };
        await writeFile(made, JSON.stringify(file), { mode: 0o644 });
        await rename(made, path);
        await clock.sleep(WRITE_EVERY_MS, { signal }).catch(() => undefined);
      }
      for (const one of [made, path]) await rm(one, { force: true });
    },
  };
}

/** Names of those that have been ready for a good while. Pure. */
export function steadyServices(
  services: readonly ServiceHealth[],
  now: Temporal.Instant,
): readonly string[] {
  return services
    .filter(({ state, since }) => {
      if (state !== 'ready' || since === null) return false;
      return now.since(Temporal.Instant.from(since)).total('seconds') >= STEADY_SECONDS;
    })
    .map(({ name }) => name);
}

async function readHealth(path: string, now: Temporal.Instant): Promise<Health> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? dead('No bot runs with this config') : judgeHealth(text, now);
}

/** Pure. */
export function judgeHealth(text: string, now: Temporal.Instant): Health {
  const read = HealthFile.safeParse(parseJson(text));
  if (!read.success) return dead('What the bot says of itself cannot be read');
  const { pid, at, services } = read.data;
  const age = now.since(Temporal.Instant.from(at)).total('seconds');
  if (Math.abs(age) > FRESH_SECONDS)
    return dead(`The bot last gave a sign of life ${Math.round(age)} seconds ago`);
  const unwell = services.filter(({ state }) => state !== 'ready' && state !== 'standing by');
  const why =
    unwell.length === 0 ? null : unwell.map(({ name, state }) => `${name} is ${state}`).join(', ');
  return { live: true, ready: unwell.length === 0, why, pid, services };
}

function dead(why: string): Health {
  return { live: false, ready: false, why, pid: null, services: [] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const NoInput = z.strictObject({});
const NoPlan = z.strictObject({});

export interface HealthDeps {
  readonly path: string;
  readonly clock: Clock;
}

export function healthOperation({
  path,
  clock,
}: HealthDeps): Operation<z.infer<typeof NoInput>, z.infer<typeof NoPlan>, Health> {
  return {
    name: 'health',
    summary: 'Say whether the bot lives and is ready, and how each of its services is',
    words: { positional: [], describe: {}, examples: ['health'] },
    input: NoInput,
    plan: NoPlan,
    result: Health,
    prepare: () => Promise.resolve({ plan: {} }),
    danger: () => 'none',
    locks: () => [],
    explain: () => ({
      title: 'Look at the bot',
      facts: [],
      warnings: [],
      approveLabel: 'Look at the bot',
      command: 'npx dbdr health',
    }),
    recheck: () => Promise.resolve(),
    run: () => readHealth(path, clock.now()),
    exitCode: ({ live, ready }) => (live && ready ? 0 : 4),
  };
}
