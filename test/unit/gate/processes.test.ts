/** Which process is gone, and which one nobody here can judge. */
import { describe, expect, test } from 'vitest';

import { systemProcesses } from '../../../src/gate/processes.ts';

describe('systemProcesses()', () => {
  const processes = systemProcesses();
  const [place = ''] = processes.self.split(':');

  test('knows that it lives itself', () => {
    expect(processes.isGone(processes.self)).toBe(false);
  });

  test('knows that a process before us with our number is gone', () => {
    expect(processes.isGone(`${place}:${process.pid}:00000000`)).toBe(true);
  });

  test('knows that another one lives, as far as the system tells', () => {
    expect(processes.isGone(`${place}:${process.ppid}:00000000`)).toBe(false);
    expect(processes.isGone(`${place}:4194305:00000000`)).toBe(true);
  });

  test('does not judge what it cannot see: another host, another namespace, nonsense', () => {
    expect(processes.isGone('elsewhere/1:1:00000000')).toBe(false);
    expect(processes.isGone(`${place}:x:00000000`)).toBe(false);
    expect(processes.isGone('')).toBe(false);
  });
});
