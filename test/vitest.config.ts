/** One project per kind of test; `test/README.md` says which kind goes where. */
import { defineConfig } from 'vitest/config';

interface Kind {
  readonly name: string;
  readonly timeoutMs: number;
  /** Files at once: what starts PostgreSQL or a browser takes turns. */
  readonly files: number;
}

const KINDS: readonly Kind[] = [
  { name: 'unit', timeoutMs: 5000, files: 2 },
  { name: 'contract', timeoutMs: 20_000, files: 2 },
  { name: 'tidy', timeoutMs: 20_000, files: 2 },
  { name: 'integration', timeoutMs: 120_000, files: 2 },
  { name: 'faults', timeoutMs: 180_000, files: 1 },
  { name: 'e2e', timeoutMs: 240_000, files: 1 },
];

export default defineConfig({
  test: {
    projects: KINDS.map(({ name, timeoutMs, files }) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        restoreMocks: true,
        sequence: { shuffle: true },
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        maxWorkers: files,
      },
    })),
  },
});
