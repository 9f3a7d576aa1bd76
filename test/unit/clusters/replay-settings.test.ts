/** Tests of the settings that replay needs. */
import { expect, test } from 'vitest';

import {
  DEFAULT_REPLAY_SETTINGS,
  largerSettings,
  parseControlSettings,
  settingsFromText,
} from '../../../src/clusters/replay-settings.ts';

function control(version: number, values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(8192);
  buffer.writeUInt32LE(version, 8);
  for (const [index, value] of values.entries()) buffer.writeInt32LE(value, 180 + index * 4);
  return buffer;
}

test.each([1300, 1700, 1800])(
  'parseControlSettings() reads the five settings of version %i',
  (version) => {
    expect(parseControlSettings(control(version, [300, 12, 20, 5, 128]))).toEqual({
      maxConnections: 300,
      maxWorkerProcesses: 12,
      maxWalSenders: 20,
      maxPreparedTransactions: 5,
      maxLocksPerTransaction: 128,
    });
  },
);

test('parseControlSettings() does not guess at a layout it does not know', () => {
  expect(parseControlSettings(control(1900, [300, 12, 20, 5, 128]))).toBeUndefined();
  expect(parseControlSettings(control(1300, [-1, 12, 20, 5, 128]))).toBeUndefined();
  expect(parseControlSettings(Buffer.alloc(10))).toBeUndefined();
});

test('largerSettings() takes the larger of each, because less stops replay', () => {
  const told = settingsFromText({ max_connections: '500', max_worker_processes: '2' });

  expect(largerSettings(DEFAULT_REPLAY_SETTINGS, told)).toEqual({
    ...DEFAULT_REPLAY_SETTINGS,
    maxConnections: 500,
  });
});
