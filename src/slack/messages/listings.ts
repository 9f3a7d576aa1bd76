/** Lists as people read them, one line an entry: runs, backups, restored instances, log, stores. Pure. */
import { z } from 'zod';

import { walLines } from '../../archiving/wal-words.ts';
import type { Json } from '../../kernel/codecs.ts';
import { formatBytes } from '../../kernel/size.ts';
import { usageBlocks } from '../../monitoring/usage-words.ts';
import { sentenceList } from './blocks.ts';
import type { Reader } from './status.ts';
import { readInstant, sayShort } from './when.ts';

const text = z.string().nullish().catch(undefined);
const Person = z.looseObject({ name: z.string() }).nullish().catch(undefined);

const Runs = z.looseObject({
  runs: z.array(
    z.looseObject({
      runId: z.string(),
      operation: z.string(),
      server: text,
      state: z.string(),
      asker: Person,
      deciders: z
        .array(z.looseObject({ actor: Person, decision: z.string() }))
        .optional()
        .catch(undefined),
      askedAt: text,
    }),
  ),
});

const Trouble = z
  .array(z.looseObject({ store: z.string(), key: text, reason: z.string() }))
  .optional()
  .catch(undefined);

const Verified = z.looseObject({ verdict: z.string().nullish(), at: text }).nullish();

const Backups = z.looseObject({
  backups: z.array(
    z.looseObject({
      backupId: z.string(),
      server: text,
      endedAt: text,
      sourceBytes: z.coerce.number().optional().catch(undefined),
      storedBytes: z.coerce.number().optional().catch(undefined),
      stores: z.array(z.unknown()).optional().catch(undefined),
      verified: z.union([z.string(), Verified]).optional().catch(undefined),
      damagedFiles: z.array(z.string()).optional().catch(undefined),
      walComplete: z.boolean().nullish().catch(undefined),
    }),
  ),
  older: z.number().optional().catch(undefined),
  unreadable: Trouble,
  unreachable: Trouble,
});

const Instances = z.looseObject({
  instances: z.array(
    z.looseObject({
      instance: z.string(),
      server: text,
      url: text,
      directory: text,
      why: text,
      expiresAt: text,
      running: z.boolean().optional().catch(undefined),
    }),
  ),
});

const Incidents = z.looseObject({
  incidents: z.array(
    z.looseObject({
      incidentId: z.string(),
      title: z.string(),
      openedAt: text,
      closedAt: text,
      lead: text,
      nextStep: z.number().nullish().catch(undefined),
    }),
  ),
});

const DECIDED: Readonly<Record<string, string>> = {
  approve: 'approved',
  refuse: 'refused',
  withdraw: 'withdrawn',
  cancel: 'cancelled',
};

/** Undefined: no list that has words of its own. */
export function listingLines(result: Json, reader: Reader): readonly string[] | undefined {
  return (
    runLines(result, reader) ??
    backupLines(result, reader) ??
    instanceLines(result, reader) ??
    incidentLines(result, reader) ??
    walLines(result) ??
    usageLines(result)
  );
}

function runLines(result: Json, reader: Reader): readonly string[] | undefined {
  const read = Runs.safeParse(result);
  if (!read.success) return undefined;
  if (read.data.runs.length === 0) return ['Nothing was asked for yet.'];
  return read.data.runs.map((run) => {
    const decided = (run.deciders ?? []).map(
      ({ actor, decision }) => `${DECIDED[decision] ?? decision} by ${actor?.name ?? 'somebody'}`,
    );
    return join([
      `${run.runId}: ${run.operation}${run.server ? ` of ${run.server}` : ''}`,
      run.state,
      `asked by ${run.asker?.name ?? 'dbdr'}${moment(' ', run.askedAt, reader)}`,
      ...decided,
    ]);
  });
}

function backupLines(result: Json, reader: Reader): readonly string[] | undefined {
  const read = Backups.safeParse(result);
  if (!read.success) return undefined;
  const { backups, older = 0 } = read.data;
  const none = ['There is no backup yet: take one with `backup`.'];
  const shown = backups
    .toReversed()
    .map((backup) =>
      join([
        `${backup.backupId}${backup.server ? ` of ${backup.server}` : ''}`,
        moment('ended ', backup.endedAt, reader),
        sizes(backup.sourceBytes, backup.storedBytes),
        stores(backup.stores ?? []),
        proof(backup.verified, reader),
        (backup.damagedFiles ?? []).length === 0 ? '' : 'DAMAGED when it was taken',
        backup.walComplete === false ? 'NOT WHOLE: its log is not all stored' : '',
      ]),
    );
  return [
    ...(backups.length === 0 ? none : shown),
    ...(older > 0 ? [`and ${older} older: \`backups --all\``] : []),
    ...(read.data.unreachable ?? []).map(
      ({ store, reason }) => `Store ${store} does not answer: ${reason}`,
    ),
    ...(read.data.unreadable ?? []).map(
      ({ store, key, reason }) => `Not readable in ${store}: ${key ?? ''} ${reason}`,
    ),
  ];
}

function instanceLines(result: Json, reader: Reader): readonly string[] | undefined {
  const read = Instances.safeParse(result);
  if (!read.success) return undefined;
  if (read.data.instances.length === 0) return ['No restored copy is running.'];
  return read.data.instances.map((instance) =>
    join([
      `${instance.instance}${instance.server ? `: copy of ${instance.server}` : ''}`,
      instance.why ?? '',
      instance.url ?? instance.directory ?? '',
      instance.expiresAt === null ? 'stays' : moment('removed at ', instance.expiresAt, reader),
      instance.running === false ? 'not running' : '',
    ]),
  );
}

function incidentLines(result: Json, reader: Reader): readonly string[] | undefined {
  const read = Incidents.safeParse(result);
  if (!read.success) return undefined;
  if (read.data.incidents.length === 0) return ['No incident is open.'];
  return read.data.incidents.map((incident) => {
    const closed = moment('closed ', incident.closedAt, reader);
    return join([
      `${incident.incidentId}: ${incident.title}`,
      closed === '' ? moment('open since ', incident.openedAt, reader) : closed,
      incident.lead ? `lead ${incident.lead}` : '',
      incident.nextStep ? `step ${incident.nextStep} is due` : '',
    ]);
  });
}

function usageLines(result: Json): readonly string[] | undefined {
  return usageBlocks(result)?.flatMap(({ title, facts }) => [
    title,
    ...facts.map(([label, value]) => `• ${label}: ${value}`),
  ]);
}

function proof(verified: z.infer<typeof Verified> | string, reader: Reader): string {
  if (typeof verified === 'string') return `proof ${verified}`;
  if (verified?.verdict === undefined || verified.verdict === null) return 'not proved yet';
  return `proof ${verified.verdict}${moment(' ', verified.at, reader)}`;
}

function sizes(source: number | undefined, stored: number | undefined): string {
  if (source === undefined || stored === undefined) return '';
  return `${formatBytes(source)} read, ${formatBytes(stored)} stored`;
}

function stores(names: readonly unknown[]): string {
  const words = names.filter((name): name is string => typeof name === 'string');
  return words.length === 0 ? '' : `in ${sentenceList(words)}`;
}

function moment(before: string, at: string | null | undefined, reader: Reader): string {
  const instant = readInstant(at);
  return instant === undefined ? '' : `${before}${sayShort(instant, reader.now)}`;
}

function join(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}
