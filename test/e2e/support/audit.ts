import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Ran } from './cli.ts';
import { kubectl, type NodeName, objects, onNode, SCRIPTS, until } from './cluster.ts';
import { type Finding, note } from './finding.ts';
import { sha256 } from './judge.ts';
import { fromStores } from './stores.ts';

const SAVED = /[✔✖] .*\b[1-9]\d* of \d+ tarballs? saved/;
const ROW = /^(\S+) +(\S+\.tar\.gz)(?: on \S+)? +\S+ \S+$/gm;
/** An undo that says so, and what `delete` and `download` always leave: nothing. */
const TOLD_LEFT = /could not (all )?be removed/;
const UNDONE = /nothing is left|nothing was created/;
const FETCH_UNDONE = /its pods are removed/;
/** Objects of which a command has said that they may be left: no later one promises to remove them. */
const known = new Set<string>();

/**
 * Takes a command at its word: each tarball that it calls saved is there and is whole; of what it says it has undone or
 * deleted, and of its download Jobs, nothing is left. Throws otherwise; the counts go to the file in TEST_AUDIT. `alone`: nothing
 * else has created objects meanwhile. `patience`: seconds in which what ends may still be listed.
 */
export async function audit(
  args: readonly string[],
  ran: Ran,
  { alone, patience }: { alone: boolean; patience: number },
): Promise<void> {
  const finding = {
    ...(await lookForSaved(args, ran)),
    ...(alone || TOLD_LEFT.test(ran.stderr) ? await lookForLeft(args, ran, patience) : { ends: 0, left: [] }),
  };
  if (finding.saved + finding.ends === 0) return;
  note(finding);
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

/**
 * Whether a tarball is there and whole: it has the size and sum that are told beside it, and is an archive up to its end.
 * Undefined where it cannot be looked at from here.
 */
async function isWhole(node: string, place: string, namespace: string): Promise<boolean | undefined> {
  const inStore = /^(s3|https?):/.test(place);
  const path = place.startsWith('pvc/') ? await inClaim(namespace, place) : place;
  const read = (file: string) => (inStore ? fromStores(file) : fromNode(node, file));
  const bytes = await read(path);
  if (bytes === undefined) return inStore ? undefined : false;
  const beside = await read(path.replace(/\.tar\.gz$/, '.json'));
  return (beside === undefined || isTold(beside, bytes)) && (await isArchive(bytes));
}

/** What a file on a node holds; undefined when it is not there. */
async function fromNode(node: string, path: string): Promise<Buffer | undefined> {
  try {
    return readFileSync(onNode(node as NodeName, path));
  } catch {
    // What is mounted on the node is seen there alone.
    const cat = ['exec', node, 'cat', path];
    const ran = await execa(join(SCRIPTS, 'node'), cat, { reject: false, encoding: 'buffer', maxBuffer: 2 ** 30 });
    return ran.exitCode === 0 ? Buffer.from(ran.stdout) : undefined;
  }
}

function isTold(beside: Buffer, bytes: Buffer): boolean {
  const { tarball } = JSON.parse(beside.toString()) as { tarball?: { bytes: number; sha256: string } };
  return tarball?.bytes === bytes.length && tarball.sha256 === sha256(bytes);
}

/** A tarball is many gzip members: one that was cut between two of them unpacks without complaint, but lacks its end. */
async function isArchive(bytes: Buffer): Promise<boolean> {
  const listed = await execa('tar', ['-tzf', '-'], { reject: false, input: bytes });
  const end = await execa('sh', ['-c', 'gzip -dc | tail -c 1024'], { reject: false, input: bytes, encoding: 'buffer' });
  return listed.exitCode === 0 && Buffer.from(end.stdout).equals(Buffer.alloc(1024));
}

/** The path on the nodes of a file in a claim. */
async function inClaim(namespace: string, place: string): Promise<string> {
  const [, claim = '', ...rest] = place.split('/');
  const volume = await kubectl('get', 'pvc', claim, '-n', namespace, '-o', 'jsonpath={.spec.volumeName}');
  const base = await kubectl('get', 'pv', volume, '-o', 'jsonpath={.spec.hostPath.path}');
  return join(base, ...rest);
}

async function lookForLeft(
  args: readonly string[],
  ran: Ran,
  patience: number,
): Promise<Pick<Finding, 'ends' | 'left'>> {
  const [, command = ''] = args;
  const prefixes =
    command === 'create' && ran.code !== 0 && UNDONE.test(ran.stderr)
      ? [flagValue(args, '--name')]
      : command === 'delete' && ran.code === 0
        ? [...ran.stdout.matchAll(/^\S+\/(\S+) deleted$/gm)].map(([, name]) => name)
        : [];
  const wanted = prefixes.filter((prefix) => prefix !== undefined);
  // A download that is ended a second time quits at once, and promises nothing.
  const fetched = command === 'download' && (ran.code !== 130 || FETCH_UNDONE.test(ran.stderr));
  if (wanted.length === 0 && !fetched) return { ends: 0, left: [] };
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
  await until('nothing is left', gone, TOLD_LEFT.test(ran.stderr) ? 0 : patience).catch(() => undefined);
  if (TOLD_LEFT.test(ran.stderr)) {
    for (const object of left) known.add(object);
    return { ends: 0, left: [] };
  }
  return { ends: 1, left };
}

function namespaceOf(args: readonly string[]): string {
  return flagValue(args, '-n') ?? flagValue(args, '--namespace') ?? 'default';
}

function flagValue(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at === -1 ? undefined : args[at + 1];
}
