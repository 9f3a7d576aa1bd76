/** Findings in memory, with the catalogue's rules: `since` stays, and `instead` opens nothing. */
import { z } from 'zod';

import type { FindingRecords } from '../../src/catalog/records.ts';
import type { Json } from '../../src/kernel/codecs.ts';
import type { KeyIssue } from '../../src/keys/report.ts';

/** What a check of the keys could not tell. */
export const UNTOLD: KeyIssue = {
  code: 'KEY_UNPROVED',
  keyId: 'k1',
  server: null,
  verdict: 'ERROR',
  severity: 'warn',
  summary: 'The key "k1" could not be read from us-west-2',
  hint: 'See why.',
};

export interface KeptFindings extends FindingRecords {
  /** `KEY_UNPROVED warn` of each, in order. */
  readonly told: readonly string[];
}

const Kept = z.record(z.string(), z.string());

export function keptFindings(): KeptFindings {
  const rows = new Map<string, Readonly<Record<string, string>>>();
  return {
    get told() {
      return [...rows.values()].map(({ code, severity }) => `${code} ${severity}`);
    },
    async open({ code, server, finding, at, instead }) {
      const known = rows.get(`${code} ${server}`);
      if (instead !== undefined && JSON.stringify(known) !== JSON.stringify(instead)) return false;
      rows.set(`${code} ${server}`, { ...Kept.parse(finding), since: known?.['since'] ?? at });
      return known === undefined;
    },
    close: async (code, server) => rows.delete(`${code} ${server}`),
    list: async (server): Promise<readonly Json[]> =>
      [...rows.values()].filter((row) => server === undefined || row['server'] === server),
  };
}
