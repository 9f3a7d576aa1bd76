/** The whole config as one schema. Only `wire.ts` sees all of it; each room gets its section. */
import { z } from 'zod';

import { AlertsSection } from './sections/alerts.ts';
import { KeysSection } from './sections/keys.ts';
import { PricesSection } from './sections/prices.ts';
import { ScratchSection } from './sections/scratch.ts';
import { ServersSection } from './sections/servers.ts';
import { SlackSection } from './sections/slack.ts';
import { StoresSection } from './sections/stores.ts';
import { zoneText } from './values.ts';

export const Config = z.strictObject({
  /** How bare times at a terminal and schedules are read. */
  timezone: zoneText.default('UTC'),
  /** The embedded catalogue (SQLite), spool and scratch clusters. */
  state: z.string().min(1).default('./state'),
  catalog: z.literal('sqlite').default('sqlite'),
  servers: ServersSection,
  stores: StoresSection,
  keys: KeysSection,
  prices: PricesSection.optional(),
  slack: SlackSection.optional(),
  alerts: AlertsSection.prefault({}),
  scratch: ScratchSection.prefault({}),
});
export type Config = z.infer<typeof Config>;
