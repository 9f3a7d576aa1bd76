/** A runbook as data: what a page in `runbooks/` says. Plain JSON, so that an incident keeps its own copy. */
import { z } from 'zod';

const RunbookInput = z.strictObject({
  /** One line for the person who fills it in. */
  about: z.string().min(1),
  /** The page works without it. */
  optional: z.boolean().default(false),
});

/** What stands between the two lines of dashes. */
export const FrontMatter = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  title: z.string().min(1),
  /** Codes of problems and findings that this page helps with. */
  answers: z.array(z.string().regex(/^[A-Z][A-Z0-9_]+$/)),
  inputs: z.record(z.string().regex(/^[a-z][a-zA-Z]*$/), RunbookInput),
});

const ArgumentText = z.union([z.string(), z.number(), z.boolean()]);

/** What stands in a `yaml step` block. Values may hold `{{name}}`. */
export const StepYaml = z.strictObject({
  operation: z.string().regex(/^[a-z][a-z-]*$/),
  arguments: z.record(z.string(), ArgumentText).default({}),
});

/** The same with its arguments in the order of the page, which a stored object would not keep. */
export const StepBlock = z.strictObject({
  operation: z.string(),
  arguments: z.array(z.tuple([z.string(), ArgumentText])),
});
export type StepBlock = z.infer<typeof StepBlock>;

export const RunbookStep = z.strictObject({
  /** Made from the heading: `bring-copies-of-the-tables-back`. */
  id: z.string(),
  title: z.string(),
  prose: z.string(),
  estimateSeconds: z.number(),
  /** The terminal command as the page has it. */
  command: z.string().nullable(),
  /** Null: for human hands. */
  block: StepBlock.nullable(),
  verifySql: z.string().nullable(),
});
export type RunbookStep = z.infer<typeof RunbookStep>;

export const Runbook = FrontMatter.extend({
  /** `accidental-deletion.md`. */
  file: z.string(),
  introduction: z.string(),
  steps: z.array(RunbookStep).min(1),
});
export type Runbook = z.infer<typeof Runbook>;
