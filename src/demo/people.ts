/** Who plays in the demo: one who asks, two who may approve, one who may neither; and their channels. */

export const ANA = 'U0ANA';
export const BEN = 'U0BEN';
export const CLEO = 'U0CLEO';
export const OTTO = 'U0OTTO';

export const OPS = 'C0OPS';
export const NEWS = 'C0NEWS';

export const PEOPLE = [
  {
    id: ANA,
    name: 'ana',
    realName: 'Ana Ruiz',
    title: 'On call, approver',
    zone: 'Europe/Berlin',
  },
  { id: BEN, name: 'ben', realName: 'Ben Okafor', title: 'Approver', zone: 'Europe/London' },
  { id: CLEO, name: 'cleo', realName: 'Cleo Marsh', title: 'Approver', zone: 'America/New_York' },
  { id: OTTO, name: 'otto', realName: 'Otto Lind', title: 'Outsider', zone: 'Europe/Berlin' },
] as const;

export const CHANNELS = [
  { id: OPS, name: 'ops', topic: 'Backups, proofs and bad days' },
  { id: NEWS, name: 'stakeholders', topic: 'What everybody should know' },
] as const;
