import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Ran } from './cli.ts';
import { kubectl, type NodeName, objects, onNode, SCRIPTS, until } from './cluster.ts';
import { fromStores } from './stores.ts';

/** What was looked into of a command's words: tarballs called saved, and objects said to be gone. */
export type Finding = {
  saved: number;
  false: readonly string[];
  unseen: readonly string[];
  ends: number;
  left: readonly string[];
};

const SAVED = /[✔✖] .*\b[1-9]\d* of \d+ tarballs? saved/;
const ROW = /^(\S+) +(\S+\.tar\.gz)(?: on \S+)? +\S+ \S+$/gm;
/** An undo that says so, and what `delete` and `download` always leave: nothing. */
const TOLD_LEFT = /could not (all )?be removed/;
const UNDONE = /nothing is left|nothing was created/;
/** Objects of which a command has said that they may be left: no later one promises to remove them. */
const known = new Set<string>();

/**
 * Takes a command at its word: each tarball that it calls saved is there and is whole; of what it says it has undone or
 * deleted, and of its download Jobs, nothing is left. Throws otherwise; the counts go to the file in TEST_AUDIT.
 */
export async function audit(args: readonly string[], ran: Ran, alone: boolean): Promise<void> {
  const finding = {
    ...(await lookForSaved(args, ran)),
    ...(alone || TOLD_LEFT.test(ran.stderr) ? await lookForLeft(args, ran) : { ends: 0, left: [] }),
  };
  if (finding.saved + finding.ends === 0) return;
  if (process.env.TEST_AUDIT) appendFileSync(process.env.TEST_AUDIT, `${JSON.stringify(finding satisfies Finding)}\n`);
  const wrong = [
    ...finding.false.map((place) => `called saved, and is not: ${place}`),
    ...finding.left.map((object) => `said to be gone, and is there: ${object}`),
  ];
  if (wrong.length > 0)
    throw new Error(`kubectl retina ${args.join(' ')}\n${wrong.join('\n')}\n${ran.stdout}\n${ran.stderr}`);
}

async function lookForSaved(args: readonly string[], ran: Ran): Promise<Pick<Finding, 'saved' | 'false' | 'unseen'>> {
  const none: string[] = [];
  const found = { saved: 0, false: [...none], unseen: [...none] };
  if (args[1] === 'local' || !SAVED.test(ran.stderr)) return found;
  for (const [, node = '', place = ''] of ran.stdout.matchAll(ROW)) {
    found.saved += 1;
    const whole = await isWhole(node, place, namespaceOf(args));
    if (whole === undefined) found.unseen.push(place);
    else if (!whole) found.false.push(`${place} of ${node}`);
  }
  return found;
}

/** Whether a tarball is there and can be unpacked; undefined where it cannot be looked at from here. */
async function isWhole(node: string, place: string, namespace: string): Promise<boolean | undefined> {
  if (/^(s3|https?):/.test(place)) {
    const bytes = await fromStores(place);
    return bytes === undefined ? undefined : unpacks('gzip', ['-t'], bytes);
  }
  const path = place.startsWith('pvc/') ? await inClaim(namespace, place) : place;
  const here = onNode(node as NodeName, path);
  return existsSync(here)
    ? unpacks('gzip', ['-t', here])
    : unpacks(join(SCRIPTS, 'node'), ['exec', node, 'gzip', '-t', path]);
}

/** The path on the nodes of a file in a claim. */
async function inClaim(namespace: string, place: string): Promise<string> {
  const [, claim = '', ...rest] = place.split('/');
  const volume = await kubectl('get', 'pvc', claim, '-n', namespace, '-o', 'jsonpath={.spec.volumeName}');
  const base = await kubectl('get', 'pv', volume, '-o', 'jsonpath={.spec.hostPath.path}');
  return join(base, ...rest);
}

async function unpacks(command: string, args: readonly string[], input?: Buffer): Promise<boolean> {
  const ran = await execa(command, args, { reject: false, ...(input === undefined ? {} : { input }) });
  return ran.exitCode === 0;
}

async function lookForLeft(args: readonly string[], ran: Ran): Promise<Pick<Finding, 'ends' | 'left'>> {
  const [, command = ''] = args;
  const prefixes =
    command === 'create' && ran.code !== 0 && UNDONE.test(ran.stderr)
      ? [flagValue(args, '--name')]
      : command === 'delete' && ran.code === 0
        ? [...ran.stdout.matchAll(/^\S+\/(\S+) deleted$/gm)].map(([, name]) => name)
        : [];
  const wanted = prefixes.filter((prefix) => prefix !== undefined);
  if (wanted.length === 0 && command !== 'download') return { ends: 0, left: [] };
  const namespace = namespaceOf(args);
  const mine = (object: string): boolean => {
    if (known.has(object)) return false;
    const name = object.split('/').at(-1) ?? '';
    if (command === 'download') return name.includes('-download-');
    return wanted.some((prefix) => name === prefix || name.startsWith(`${prefix}-`));
  };
  let left: string[] = [];
  const gone = async (): Promise<boolean> => {
    left = (await objects(namespace)).filter(mine);
    return left.length === 0;
  };
  if (TOLD_LEFT.test(ran.stderr)) {
    await gone();
    for (const object of left) known.add(object);
    return { ends: 0, left: [] };
  }
  // What ends is still listed for a moment.
  await until('nothing is left', gone, 10).catch(() => undefined);
  return { ends: 1, left };
}

function namespaceOf(args: readonly string[]): string {
  return flagValue(args, '-n') ?? flagValue(args, '--namespace') ?? 'default';
}

function flagValue(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at === -1 ? undefined : args[at + 1];
}
