/**
 * The finding that a service does not stay up: one for each service, so that what is over of one takes back
 * nothing of another. What is kept of a service that nobody runs any more is over too.
 */
import { z } from 'zod';

import type { FindingRecords } from '../catalog/records.ts';
import type { Finding } from '../kernel/finding.ts';

const CODE = 'SERVICE_FLAPPING';

/** A finding that names the service, for a server may have several. */
export interface FlappingFinding extends Finding {
  readonly service: string;
}

export function flapping(
  service: string,
  failing: { readonly since: string; readonly why: string },
): FlappingFinding {
  return {
    code: CODE,
    // `archiving:shop` works for one server; what has no colon works for all.
    server: service.split(':').at(1) ?? '',
    service,
    severity: 'page',
    summary: `The service "${service}" does not stay up: ${failing.why}`,
    hint: 'Look at its log lines, remove the cause, and see it become ready with `health`.',
    since: failing.since,
  };
}

/** What follows a colon is not always a server's name (`slack:door`): then it is of all `servers`. */
export async function keepFlapping(
  findings: Pick<FindingRecords, 'open'>,
  finding: FlappingFinding,
  { at, servers }: { readonly at: string; readonly servers: readonly string[] },
): Promise<void> {
  const server = servers.includes(finding.server) ? finding.server : '';
  const code = rowOf(finding.service);
  await findings.open({ code, server, finding: { ...finding, server }, at });
}

const Kept = z.object({
  code: z.literal(CODE),
  server: z.string(),
  /** Undefined: kept when all services of a server had one. */
  service: z.string().optional(),
});

/** `service` is well. `running`: all that this process has. */
export async function endFlapping(
  findings: Pick<FindingRecords, 'close' | 'list'>,
  service: string,
  running: readonly string[],
): Promise<void> {
  for (const row of await findings.list()) {
    const kept = Kept.safeParse(row).data;
    if (kept === undefined) continue;
    if (kept.service === undefined) await findings.close(CODE, kept.server);
    else if (kept.service === service || !running.includes(kept.service))
      await findings.close(rowOf(kept.service), kept.server);
  }
}

/** Findings are one a code and server: each service has its own. */
function rowOf(service: string): string {
  return `${CODE}:${service}`;
}
