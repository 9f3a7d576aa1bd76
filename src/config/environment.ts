/** The one place that reads the process's environment; everybody else is given what they need. */
import type { Environment } from '../secrets/sources.ts';

export function processEnvironment(): Environment {
  return { ...process.env };
}
