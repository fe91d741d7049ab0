import assert from 'node:assert/strict';
import { execa } from 'execa';
import { type Ran, retina, retinaOk, start } from './cli.ts';
import { ended, leavings } from './leavings.ts';

/** Seconds that this program may tell a thing later than a plain watch of kubectl. */
export const LATEST = 2;

export type Told = { at: number; line: string };

/** The lines that a program prints, each with the time at which it came. */
export function timed(stream: NodeJS.ReadableStream): Told[] {
  const lines: Told[] = [];
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const [first = '', ...more] = (rest + chunk.toString('utf8')).split('\n');
    const all = [first, ...more];
    rest = all.pop() ?? '';
    for (const line of all) lines.push({ at: performance.now(), line });
  });
  return lines;
}

/** What is watched beside a capture: a kind, and the words by which the cluster shows that it knows. */
export type Sign = { kind: 'pods' | 'events' | 'jobs' | 'nodes'; shows: RegExp };

/** Watches a kind with kubectl, as JSON lines; the answer is when the cluster first showed something. */
export function watchSign(namespace: string, { kind, shows }: Sign) {
  const scope = kind === 'nodes' ? [] : ['-n', namespace];
  const path = ['get', kind, ...scope, '--watch', '--output-watch-events', '-o', 'jsonpath={.object}{"\\n"}'];
  const child = execa('kubectl', path, { reject: false, buffer: false, stdin: 'ignore' });
  const lines = timed(child.stdout);
  return {
    at: (): number | undefined => lines.find(({ line }) => shows.test(line))?.at,
    end: async () => {
      child.kill('SIGKILL');
      await child;
    },
  };
}

export type Fault = {
  name: string;
  /** Flags of create, besides its name, namespace and --wait. */
  flags: readonly string[];
  sign: Sign;
  /** What --wait, status and list's exit must tell. */
  words: RegExp;
  hint: RegExp;
  /** Done while it captures, or waits. */
  meanwhile?: () => Promise<void>;
};

/** Fails unless a program has told something, and no later than LATEST seconds after the cluster had shown it. */
export function assertInTime(
  { name, words }: Pick<Fault, 'name' | 'words'>,
  lines: readonly Told[],
  known: number | undefined,
): void {
  const all = lines.map(({ line }) => line).join('\n');
  const told = lines.find(({ line }) => words.test(line))?.at;
  assert.ok(told !== undefined, `not told: ${words}\n${all}`);
  assert.ok(known !== undefined, `the cluster has not shown it: ${name}\n${all}`);
  const late = (told - known) / 1000;
  process.stdout.write(`${name}: told ${late.toFixed(2)} s after kubectl get -w\n`);
  assert.ok(late <= LATEST, `told ${late.toFixed(2)} s after the cluster had shown it\n${all}`);
}

/** Runs `create --wait` beside a watch of kubectl; fails unless it tells the fault in time, with its hint. */
export async function waitBeside(namespace: string, fault: Fault): Promise<Ran> {
  const sign = watchSign(namespace, fault.sign);
  try {
    const create = ['capture', 'create', '-n', namespace, '--name', fault.name, '--wait', ...fault.flags];
    // What is short of memory may be slow for a long time before it is killed.
    const waiting = start(create, { timeoutSeconds: 240 });
    const lines = timed(waiting.stderr);
    await fault.meanwhile?.();
    const ran = await ended(waiting);
    assertInTime(fault, lines, sign.at());
    assert.match(ran.stderr, fault.hint);
    return ran;
  } finally {
    await sign.end();
  }
}

/** Fails unless status and list tell the same afterwards, and delete leaves nothing. */
export async function assertTold(
  namespace: string,
  fault: Fault,
  state: 'Failed' | 'Pending' | 'Capturing',
): Promise<void> {
  const status = await retina(['capture', 'status', fault.name, '-n', namespace]);
  assert.match(status.stdout, fault.words);
  assert.match(status.stdout, fault.hint);
  assert.equal(status.code, state === 'Failed' ? 1 : 0, status.stdout);
  const list = await retinaOk(['capture', 'list', fault.name, '-n', namespace]);
  assert.match(list.stdout, new RegExp(`${fault.name} +${state} `));
  const json = await retinaOk(['capture', 'list', fault.name, '-n', namespace, '-o', 'json']);
  const problems = JSON.parse(json.stdout).items[0].nodes.map(({ problem }: { problem: string }) => problem);
  assert.match(problems.join('\n'), new RegExp(fault.words.source.replace(/^node\d: [^:]*: /, '')));
}

/** Deletes a capture; fails when anything of it is left in the cluster or on the nodes. */
export async function assertGone(namespace: string, name: string): Promise<void> {
  await retinaOk(['capture', 'delete', name, '-n', namespace]);
  assert.deepEqual(await leavings(namespace, name), []);
}
