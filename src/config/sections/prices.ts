/** Config section `prices`: what a month of storage costs, for `usage`. Dated, because prices change. */
import { z } from 'zod';

export const PricesSection = z.strictObject({
  /** The day the table was true, such as `2026-11-01`. */
  as_of: z.iso.date(),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters, such as USD'),
  /**
   * By store, then by storage class (`STANDARD` where a store knows none): for a GB and month, as
   * Amazon's price list has it, whose GB is 2^30 bytes.
   */
  per_gb_month: z.record(z.string(), z.record(z.string(), z.number().nonnegative())),
  /** By store, for a thousand: `put` for PUT, COPY, POST and LIST, `get` for GET and all others. */
  per_1000_requests: z
    .record(
      z.string(),
      z.strictObject({ put: z.number().nonnegative(), get: z.number().nonnegative() }),
    )
    .optional(),
});
