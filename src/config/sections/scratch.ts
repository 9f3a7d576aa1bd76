/** Config section `scratch`: where restored clusters live and who runs them. */
import { z } from 'zod';

import { durationText } from '../values.ts';

export const ScratchSection = z.strictObject({
  /** Default: `scratch` inside `state`. */
  path: z.string().min(1).optional(),
  /** Runs PostgreSQL when dbdr itself is root, for PostgreSQL refuses to run as root. */
  user: z.string().min(1).default('postgres'),
  /** How long a restored instance stays before it is removed. */
  keep: durationText.default('PT2H'),
});
export type ScratchSection = z.infer<typeof ScratchSection>;
