/** Config section `alerts`: who is woken, and how. */
import { z } from 'zod';

import { durationText } from '../values.ts';

/** Told oftener than that, what nobody has had the time to look at rings all night. */
const REMIND_MIN_MINUTES = 15;

const webUrl = z.string().regex(/^https?:\/\//, 'must begin with https:// or http://');
const hostUrl = z
  .string()
  .regex(/^https?:\/\/[^/?#]+\/?$/, 'must be https:// and a host, with no path behind it');

const PagerDutySection = z.strictObject({
  /** A secret: of an integration "Events API v2" of the service that wakes people. */
  routing_key: z
    .string()
    .regex(/^[A-Za-z0-9]{32}$/, 'must be the 32 letters and digits of an Events API v2 key'),
  /** `https://events.eu.pagerduty.com` for an account in Europe, or of a compatible server. */
  url: hostUrl.default('https://events.pagerduty.com'),
  /** Where people can read `runbooks/`: pages then link to the steps. */
  runbooks_url: webUrl.optional(),
});

export const AlertsSection = z.strictObject({
  /** Without it nobody is paged. */
  pagerduty: PagerDutySection.optional(),
  /** A page that was not taken for so long is told in `status` and in Slack. */
  undelivered_after: durationText.default('PT5M'),
  /** A page that was taken so long ago, and tells what still stands, is sent again: it may have been
   * resolved by hand. Where it is open or acknowledged nobody hears it. */
  remind_after: durationText
    .refine(isLongEnough, `must be at least PT${REMIND_MIN_MINUTES}M`)
    .default('PT4H'),
});

/** What is no length of time the check before has refused. */
function isLongEnough(text: string): boolean {
  try {
    return Temporal.Duration.from(text).total('minutes') >= REMIND_MIN_MINUTES;
  } catch {
    return true;
  }
}
