/**
 * The process starts here: the words typed → a command → an exit code. Nothing heavy is imported
 * before a command needs it.
 */
import { runCommand } from './cli/run-command.ts';
import { listenForStop } from './cli/signals.ts';
import { processEnvironment } from './config/environment.ts';
import { systemClock } from './kernel/clock.ts';

const environment = processEnvironment();

// Whoever reads our output may stop reading (`| head`): that is no failure of ours.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0);
  throw error;
});

{
  using stop = listenForStop({ err: writeError, elapsedMs: () => systemClock.elapsedMs() });
  const exitCode = await runCommand(process.argv.slice(2), {
    terminal: {
      out: (text) => process.stdout.write(text),
      err: writeError,
      isScreen: process.stderr.isTTY,
      environment,
      directory: process.cwd(),
    },
    clock: systemClock,
    stop,
    async describe() {
      const { describeOperations } = await import('./wire-describe.ts');
      return describeOperations();
    },
    async loadHouses() {
      const { houses } = await import('./wire.ts');
      return houses(environment);
    },
    async serve(loaded, options) {
      const { serve } = await import('./wire-serve.ts');
      await serve(loaded, environment, options);
    },
    async openLog(usual) {
      const { readLogLevel, stderrLog } = await import('./cli/log.ts');
      return stderrLog(readLogLevel(environment['DBDR_LOG_LEVEL']) ?? usual);
    },
  });
  // Everything that was opened is closed; a stray timer of a library must not keep us here.
  await new Promise<void>((resolve) => {
    process.stdout.write('', () => resolve());
  });
  process.exit(exitCode);
}

function writeError(text: string): void {
  process.stderr.write(text);
}
