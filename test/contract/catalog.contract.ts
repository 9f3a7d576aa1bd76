/** What every catalogue promises: `catalogContract('openSqliteCatalog()', async () => …)`. */
import { describe, expect, test } from 'vitest';

import { createJournal } from '../../src/journal/journal.ts';
import { backupIdAt, newRunId } from '../../src/kernel/ids.ts';
import { outboxContract } from './catalog-outbox.contract.ts';
import {
  endingsContract,
  eventsContract,
  type OpenCatalog,
  runsContract,
} from './catalog-runs.contract.ts';

const AT = '2026-11-22T14:46:00.000000Z';
const LATER = '2026-11-22T15:16:00.000000Z';
const MUCH_LATER = '2026-11-22T16:00:00.000000Z';

export function catalogContract(name: string, open: OpenCatalog): void {
  describe(`${name} keeps the Catalog contract`, () => {
    runsContract(open);
    endingsContract(open);
    eventsContract(open);
    journalContract(open);
    recordsContract(open);
    leasesContract(open);
    outboxContract(open);
  });
}

function journalContract(open: OpenCatalog): void {
  test('chains journal entries, also those of two processes', async () => {
    await using opened = await open();
    await using other = await opened.again();
    const entry = { at: AT, what: 'looked', actor: { id: 'ä' }, runId: null, data: { n: 1.5 } };

    const rows = await Promise.all([
      opened.catalog.journal.append(entry),
      other.journal.append(entry),
    ]);

    expect(rows.map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual([1, 2]);
    const journal = createJournal(opened.catalog.journal);
    expect(await journal.verify()).toMatchObject({ outcome: 'holds', entries: 2 });
    expect((await journal.newest(2)).map(({ seq }) => seq)).toEqual([1, 2]);
  });
}

function recordsContract(open: OpenCatalog): void {
  const backupId = backupIdAt(Temporal.Instant.from(AT));
  const runId = newRunId(Temporal.Instant.from(AT));

  test('remembers backups, once for each store, each copy with its own verdict', async () => {
    await using opened = await open();
    const { backups } = opened.catalog;
    await backups.record({ server: 'shop', backupId, store: 'here', summary: { bytes: 1 } });
    await backups.record({ server: 'shop', backupId, store: 'here', summary: { bytes: 2 } });
    await backups.record({ server: 'books', backupId, store: 'here', summary: {} });

    await backups.record({ server: 'shop', backupId, store: 'west', summary: { bytes: 3 } });
    const verdict = { verdict: 'PASS', at: LATER, runId };
    await backups.markVerified({ server: 'shop', backupId, store: 'here', ...verdict });
    await backups.remove('books', backupId, 'here');

    expect(await backups.list()).toEqual([
      {
        server: 'shop',
        backupId,
        store: 'here',
        summary: { bytes: 2 },
        verdict: 'PASS',
        verifiedAt: LATER,
        verifyRunId: runId,
      },
      {
        server: 'shop',
        backupId,
        store: 'west',
        summary: { bytes: 3 },
        verdict: null,
        verifiedAt: null,
        verifyRunId: null,
      },
    ]);
    expect(await backups.list('books')).toEqual([]);
  });

  test('gives the installation one name, and keeps it', async () => {
    await using opened = await open();
    const { installation } = opened.catalog;

    const names = await Promise.all([installation.id(), installation.id()]);

    expect(names[0]).toMatch(/^i-[0-9a-f-]{36}$/);
    expect([names[1], await installation.id()]).toEqual([names[0], names[0]]);
  });

  test('remembers instances, resources, progress, messages and cursors', async () => {
    await using opened = await open();
    const { instances, resources, walProgress, messages, cursors } = opened.catalog;
    const instance = { runId, server: 'shop', directory: '/d', url: 'u', why: 'w', since: AT };
    await instances.add({ ...instance, expiresAt: AT, cluster: { port: 1 } });
    await instances.extend(runId, LATER);
    const claim = await resources.claim({
      runId,
      kind: 'directory',
      reference: { path: '/d' },
      claimedAt: AT,
    });
    const progress = { server: 'shop', store: 'here', systemId: '7', timeline: 1, at: AT };
    await walProgress.record({ ...progress, storedLsn: '0/1', serverLsn: '0/1' });
    await walProgress.record({ ...progress, storedLsn: '0/2', serverLsn: '0/3' });
    await messages.record({ subject: 'run:r', channel: 'C', ts: '1' });
    await messages.record({ subject: 'run:r', channel: 'C', ts: '2' });
    await cursors.set('slack', 7);

    expect(await instances.find(runId)).toMatchObject({ expiresAt: LATER, cluster: { port: 1 } });
    expect(await resources.list()).toMatchObject([{ id: claim, reference: { path: '/d' } }]);
    expect(await walProgress.find('shop', 'here')).toMatchObject({ storedLsn: '0/2' });
    expect(await messages.find('run:r')).toMatchObject({ ts: '2' });
    expect([await cursors.get('slack'), await cursors.get('web')]).toEqual([7, 0]);
    await instances.remove(runId);
    await resources.release(claim);
    expect([await instances.list(), await resources.list()]).toEqual([[], []]);
  });

  test('lets one of two writers change an incident', async () => {
    await using opened = await open();
    const { incidents } = opened.catalog;
    const opening = { id: 'inc-1122-shop', server: 'shop', scenario: 's', runbook: 'r.md' };
    const incident = await incidents.open({ ...opening, state: { step: 1 }, openedAt: AT });
    const event = { incidentId: incident.id, at: AT, actor: { id: 'a' }, text: 'Opened', data: {} };
    await incidents.addEvent(event);

    const changes = await Promise.all([
      incidents.update(incident.id, incident.version, { state: { step: 2 } }),
      incidents.update(incident.id, incident.version, { state: { step: 3 }, closedAt: LATER }),
    ]);

    expect(changes).toEqual([true, false]);
    expect(await incidents.find(incident.id)).toMatchObject({ state: { step: 2 }, version: 2 });
    expect(await incidents.list({ openOnly: true })).toHaveLength(1);
    expect(await incidents.events(incident.id)).toEqual([{ ...event, seq: 1 }]);
    expect(await incidents.eventsAfter(1, 9)).toEqual([]);
  });

  test('takes a due moment once, never an older one', async () => {
    await using opened = await open();
    const { schedules } = opened.catalog;

    expect(await schedules.take('backup', AT)).toBe(true);
    expect(await schedules.take('backup', AT)).toBe(false);
    expect(await schedules.take('backup', LATER)).toBe(true);
    expect(await schedules.take('backup', AT)).toBe(false);
    expect(await schedules.lastDueAt('backup')).toBe(LATER);
    expect(await schedules.lastDueAt('verify')).toBeUndefined();
  });

  test('opens a finding once, with the time of the first notice; keeps acknowledgements', async () => {
    await using opened = await open();
    const { findings, acknowledgements } = opened.catalog;
    const finding = { code: 'SLOT', server: 'shop' };

    expect(await findings.open({ ...finding, finding: { n: 1, since: AT }, at: AT })).toBe(true);
    expect(await findings.open({ ...finding, finding: { n: 2, since: LATER }, at: LATER })).toBe(
      false,
    );
    expect(await findings.list('shop')).toEqual([{ n: 2, since: AT }]);
    const stale = { ...finding, finding: { n: 3 }, at: LATER, instead: { n: 1, since: AT } };
    expect(await findings.open(stale)).toBe(false);
    expect(await findings.list('shop')).toEqual([{ n: 2, since: AT }]);
    expect(await findings.open({ ...stale, instead: { n: 2, since: AT } })).toBe(false);
    expect(await findings.list('shop')).toEqual([{ n: 3, since: AT }]);
    expect([await findings.close('SLOT', 'shop'), await findings.close('SLOT', 'shop')]).toEqual([
      true,
      false,
    ]);
    await findings.open({ ...stale, instead: { n: 3, since: AT } });
    expect(await findings.list('shop')).toEqual([]);
    const what = { what: 'unbounded slot', server: 'shop', actor: {}, reason: 'r', at: AT };
    await acknowledgements.acknowledge(what);
    expect(await acknowledgements.isAcknowledged('unbounded slot', 'shop')).toBe(true);
    expect(await acknowledgements.isAcknowledged('unbounded slot', 'books')).toBe(false);
  });
}

function leasesContract(open: OpenCatalog): void {
  test('gives a lease to one holder until it ends', async () => {
    await using opened = await open();
    const { leases } = opened.catalog;

    expect(await leases.take('l', 'a', LATER, AT)).toBe(true);
    expect(await leases.take('l', 'b', LATER, AT)).toBe(false);
    expect(await leases.renew('l', 'b', LATER, AT)).toBe(false);
    expect(await leases.holderOf('l', AT)).toBe('a');
    expect(await leases.take('l', 'b', MUCH_LATER, LATER)).toBe(true);
    expect(await leases.renew('l', 'a', MUCH_LATER, LATER)).toBe(false);
    await leases.release('l', 'a');
    expect(await leases.holderOf('l', LATER)).toBe('b');
    await leases.release('l', 'b');
    expect(await leases.holderOf('l', LATER)).toBeUndefined();
  });
}
