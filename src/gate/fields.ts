/** An operation's input schema as what people type: one field, one flag or one place. Pure. */
import { z } from 'zod';

import type { AnyOperation } from './operation.ts';

export interface Field {
  /** As the schema has it: `maxAge`. */
  readonly name: string;
  /** As people type it: `max-age`. */
  readonly flag: string;
  /** `switch`: there or not; `list`: commas or again. */
  readonly kind: 'text' | 'number' | 'switch' | 'list';
  readonly choices: readonly string[];
  readonly isRequired: boolean;
  readonly describe: string;
}

const FieldSchema = z.object({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  description: z.string().optional(),
});

const InputSchema = z.object({
  properties: z.record(z.string(), FieldSchema).default({}),
  required: z.array(z.string()).default([]),
});

export function fieldsOf(operation: AnyOperation): readonly Field[] {
  const schema = z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' });
  const { properties, required } = InputSchema.parse(schema);
  return Object.entries(properties).map(([name, property]) => ({
    name,
    flag: kebab(name),
    kind: kindOf(property),
    choices: (property.enum ?? []).map(String),
    isRequired: required.includes(name),
    describe: operation.words.describe[name] ?? property.description ?? '',
  }));
}

function kindOf({ type }: z.infer<typeof FieldSchema>): Field['kind'] {
  if (type === 'boolean') return 'switch';
  if (type === 'number' || type === 'integer') return 'number';
  return type === 'array' ? 'list' : 'text';
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('_', '-');
}
