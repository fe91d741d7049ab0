import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Command } from '../../matrix.ts';
import { type Ran, retina } from './cli.ts';
import { filesOn, NODES, objects, onNode, until } from './cluster.ts';
import { packetsIn } from './judge.ts';
import { DIR, isTarball } from './leavings.ts';

const RESCUED = '/var/lib/retina/rescued';

/** How a command ends under a fault: its exit code, and what it says of it. */
export type Cell = { code: number; says: readonly RegExp[] };

/** A fault, and how each command ends while it lasts. */
export type Fault = {
  /** As a row of the matrix is called. */
  name: string;
  /** Its captures are `<id>-1` and `<id>-2`. */
  id: string;
  flags: () => readonly string[] | Promise<readonly string[]>;
  env?: Record<string, string>;
  raise?: () => Promise<unknown>;
  /** What befalls a capture while it runs; `wait` and `stop` see it. */
  strike?: (capture: string) => Promise<unknown>;
  /** Ends what `raise` began. */
  heal?: () => Promise<unknown>;
  /** `create` of a capture of ten minutes, which returns at once. */
  create: Cell;
  /** `create --wait` of a capture of a second. */
  wait: Cell;
  /** `stop` of the first. */
  stop: Cell;
  /** `download` of the second. */
  download: Cell;
  /** `delete` of both. */
  delete: Cell;
  /** What else must be so at the end. */
  left?: () => Promise<void>;
};

/** What a command says that succeeds, or that has nothing to do with the fault. */
export const fine = (...says: readonly RegExp[]): Cell => ({ code: 0, says });
/** What a command says that fails. */
export const fails = (...says: readonly RegExp[]): Cell => ({ code: 1, says });
/** Both captures go. */
export const goes = fine(/job\.batch\/\S+ deleted/);
/** Of a capture that was refused before anything was created. */
export const absent = fails(/there is no capture/);
/** Of a capture that failed, and was kept on its node. */
export const kept = fine();

/** One group of tests for each fault, one test for each command. */
export function faultRows(namespace: string, faults: readonly Fault[]): void {
  for (const fault of faults) describe(fault.name, () => row(namespace, fault));
}

function row(namespace: string, fault: Fault): void {
  const [first, second] = [`${fault.id}-1`, `${fault.id}-2`];
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  const run = async (cell: Cell, ...args: readonly string[]): Promise<Ran> => {
    const env = fault.env ?? {};
    const ran = await retina(['capture', ...args, '-n', namespace], { env, timeoutSeconds: 150 });
    const all = `${ran.stdout}\n${ran.stderr}`;
    assert.equal(ran.code, cell.code, all);
    for (const words of cell.says) assert.match(all, words);
    assert.doesNotMatch(all, /fault of kubectl-retina|undefined|\[object/);
    return ran;
  };
  const create = async (cell: Cell, name: string, ...more: readonly string[]): Promise<Ran> => {
    const aim = (await fault.flags()).includes('--node-names') ? [] : ['--node-names', 'node1'];
    return run(cell, 'create', '--name', name, ...aim, ...more, ...(await fault.flags()));
  };

  const title = (command: Command): string => `${command}: exit code ${fault[command].code}`;

  const strike = async (name: string): Promise<void> => {
    if (fault.strike === undefined) return;
    await until(`${name} captures`, () => isCapturing(namespace, name));
    await fault.strike(name);
  };

  before(async () => {
    forgetKept(fault.id);
    await fault.raise?.();
  });
  after(async () => {
    await fault.heal?.();
    forgetKept(fault.id);
    rmSync(output, { recursive: true });
  });

  test(title('create'), async () => {
    await create(fault.create, first, '--duration', '10m');
  });
  test(title('wait'), async () => {
    const bounds = ['--duration', fault.strike === undefined ? '1s' : '10m', '--wait', '--timeout', '60s'];
    const [ran] = await Promise.all([create(fault.wait, second, ...bounds), strike(second)]);
    if (fault.wait.code !== 0) assert.doesNotMatch(ran.stderr, /✔/);
  });
  test(title('stop'), async () => {
    await strike(first);
    const ran = await run(fault.stop, 'stop', first, '--timeout', '60s');
    if (fault.stop.code !== 0) assert.doesNotMatch(ran.stderr, /✔/);
  });
  test(title('download'), async () => {
    await run(fault.download, 'download', second, '-o', output);
    const files = readdirSync(output, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    if (fault.download.code !== 0) return assert.deepEqual(files, []);
    assert.ok(files.length > 0, 'nothing was fetched');
    for (const { parentPath, name } of files) await packetsIn(readFileSync(join(parentPath, name)));
  });
  test(title('delete'), async () => {
    await run(fault.delete, 'delete', first, second);
    const mine = (object: string): boolean => object.includes(`/${fault.id}-`);
    await until('nothing is left', async () => !(await objects(namespace)).some(mine), 10);
    await fault.left?.();
  });
}

/** Removes what was kept on the nodes, or delivered there, of the captures of a fault. */
function forgetKept(id: string): void {
  for (const node of NODES)
    for (const directory of [RESCUED, DIR])
      for (const name of filesOn(node, directory).filter((file) => file.startsWith(`${id}-`)))
        if (isTarball(name) || name.endsWith('.json')) rmSync(onNode(node, join(directory, name)));
}

async function isCapturing(namespace: string, name: string): Promise<boolean> {
  return / capturing\b/.test((await retina(['capture', 'status', name, '-n', namespace])).stdout);
}
