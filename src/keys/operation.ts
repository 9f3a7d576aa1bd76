/**
 * The operation `keys`: `check` proves that every key that anything stored needs is still there, and keeps
 * what it finds as findings; `rotate` adds a generation for all that is new. What is old stays readable.
 */
import { z } from 'zod';

import type { Explanation, Operation, Run } from '../gate/operation.ts';
import { Problem } from '../kernel/problem.ts';
import { checkKeys } from './check.ts';
import type { KeysDeps } from './deps.ts';
import { keepFindings } from './kept-findings.ts';
import { type Differing, holdersOf, keyAtPlaces, lookAtPlaces, type PlaceCopy } from './places.ts';
import { KEYS_CHANGED } from './problems.ts';
import { KeysReport } from './report.ts';

const KeysInput = z.strictObject({
  action: z
    .enum(['check', 'rotate'])
    .default('check')
    .meta({ description: 'check (the default): prove that every key is there; rotate: a new key' }),
});
type KeysInput = z.infer<typeof KeysInput>;

const KeysPlan = z.strictObject({
  action: z.enum(['check', 'rotate']),
  keptIn: z.string(),
  /** With rotate: what is current now. */
  currentKeyId: z.string().nullable(),
});
type KeysPlan = z.infer<typeof KeysPlan>;

/** Reading the headers of a large store takes a while; forever is a hang. */
const DEADLINE_MS = 60 * 60_000;

export function keysOperation(deps: KeysDeps): Operation<KeysInput, KeysPlan, KeysReport> {
  return {
    name: 'keys',
    summary: 'Prove that every key is there, or rotate to a new one',
    words: {
      positional: ['action'],
      describe: { action: 'check (the default) or rotate' },
      examples: ['keys check', 'keys rotate'],
    },
    input: KeysInput,
    plan: KeysPlan,
    result: KeysReport,
    prepare: async ({ action }, { signal }) => ({
      plan: {
        action,
        keptIn: deps.keeper.description,
        currentKeyId: action === 'rotate' ? await currentKeyId(deps, { signal }) : null,
      },
    }),
    danger: () => 'low',
    locks: ({ action }) => (action === 'rotate' ? ['keys'] : []),
    explain: explainKeys,
    async recheck(plan, options) {
      if (plan.action !== 'rotate') return;
      const current = await currentKeyId(deps, options);
      if (current === plan.currentKeyId) return;
      throw new Problem(
        KEYS_CHANGED,
        `Cannot rotate from the key "${plan.currentKeyId ?? ''}": the current one is "${current}" by now`,
      );
    },
    run: async ({ action }, run) =>
      action === 'rotate' ? await rotate(deps, run) : await check(deps, run),
    exitCode: ({ verdict }) => (({ PASS: 0, FAIL: 1, ERROR: 4, SKIPPED: 4 }) as const)[verdict],
    deadlineMs: DEADLINE_MS,
  };
}

/** Of the list as it is kept, not as this process remembers it. */
async function currentKeyId(
  { keeper }: KeysDeps,
  options: { readonly signal: AbortSignal },
): Promise<string> {
  const { order } = await keeper.load(options);
  return order.at(-1) ?? '';
}

function explainKeys({ action, keptIn, currentKeyId: current }: KeysPlan): Explanation {
  if (action === 'check') {
    return {
      title: 'Prove that every key that anything stored needs is there',
      facts: [
        [
          'Reads',
          `${keptIn}; headers in every store, and the oldest and newest object of each key`,
        ],
        ['Danger', 'low: only reads'],
      ],
      warnings: [],
      approveLabel: 'Check the keys',
      command: 'npx dbdr keys check',
    };
  }
  return {
    title: `Make a new key in ${keptIn}`,
    facts: [
      ['Current key', current ?? 'none'],
      [
        'Afterwards',
        'new backups and WAL use the new key; what is stored stays readable with the old',
      ],
      ['Danger', 'low: nothing is removed'],
    ],
    warnings: ['Keep a copy of the new key in your safe place, beside the old ones.'],
    approveLabel: 'Make a new key',
    command: 'npx dbdr keys rotate',
  };
}

async function check(deps: KeysDeps, run: Run): Promise<KeysReport> {
  const report = await run.step('Read headers, ask every place, decrypt', async ({ signal }) =>
    checkKeys(deps, { signal }),
  );
  const { catalog, clock, servers } = deps;
  const now = clock.now();
  for (const server of servers)
    await keepFindings(catalog.findings, { issues: report.issues, server, now });
  return report;
}

async function rotate(deps: KeysDeps, run: Run): Promise<KeysReport> {
  const { keeper, ring, log } = deps;
  const made = await run.step('Make the new key, and read it back everywhere', async ({ signal }) =>
    keeper.rotate({ signal }),
  );
  log.info('A new key is current', { key_id: made.keyId, places: made.places });
  return await run.step('Use the new key', async ({ signal }) => {
    await ring.reload?.({ signal });
    const copies = await lookAtPlaces(keeper, { signal });
    const { order } = await keeper.load({ signal });
    return {
      action: 'rotate',
      verdict: 'PASS',
      currentKeyId: made.keyId,
      previousKeyId: made.previousKeyId ?? null,
      keys: order.map((keyId, index) => ({
        keyId,
        isCurrent: keyId === made.keyId,
        namesWal: index === 0,
        objects: null,
        places: [...keyAtPlaces(keyId, copies, differing(keyId, copies))],
        uses: [],
      })),
      issues: [],
      sampled: null,
      escrow: keeper.escrow,
    };
  });
}

/** A rotation decrypts nothing. */
function differing(keyId: string, copies: readonly PlaceCopy[]): Differing | undefined {
  if (holdersOf(keyId, copies).length < 2) return undefined;
  const why = `The places hold different keys under the name "${keyId}"; \`keys check\` tells which is right`;
  return { right: undefined, why };
}
