// A bundle made of a file, beside `tar | pigz -1` and `tar cz` of the same file; each in a process of its own, whose start (that of
// Node, of a shell and of its programs) is measured alone and taken off both. Needs pigz.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { timeAndPeak } from './support/measure.ts';
import { payload } from './support/payload.ts';
import { type Row, report } from './support/results.ts';

const MEGABYTES = 400;
const ROUNDS = 3;
/** Times the speed of pigz that is wanted, as part of its time. */
const TARGETS = { random: 1 / 5, text: 1 };
/** MB/s of payload that does not shrink, and MiB. */
const LEAST_SPEED = 500;
const MOST_MEMORY = 150;
const SCRIPT = join(import.meta.dirname, 'support/bundled.ts');

const directory = await mkdtemp(join(tmpdir(), 'retina-bench-'));
const [file, empty] = [join(directory, 'payload'), join(directory, 'empty')];
const bundle = (of: string): string[] => [process.execPath, SCRIPT, of];
// No archive goes to /dev/null itself: tar would see that, and read nothing.
const shell = (command: string, of: string): string[] => ['sh', '-c', command, 'sh', directory, basename(of)];
const PIGZ = 'tar c -C "$1" "$2" | pigz -1 | cat >/dev/null';
const GZIP = 'tar cz -C "$1" "$2" | cat >/dev/null';
const runs = {
  bundle,
  'bundle with its SHA-256': (of: string) => [...bundle(of), 'hashed'],
  'tar c, pigz -1': (of: string) => shell(PIGZ, of),
  'tar cz': (of: string) => shell(GZIP, of),
};
type Name = keyof typeof runs;
const names = Object.keys(runs) as Name[];

type Seen = { time: number; peak: number };

/** A run of the file, without what the same takes of an empty one. */
async function measured(name: Name): Promise<Seen> {
  const once = ([command = '', ...args]: readonly string[]): Promise<Seen> => timeAndPeak(command, args);
  const { time: start } = await once(runs[name](empty));
  const { time, peak } = await once(runs[name](file));
  return { time: time - start, peak };
}

const WORDS = { random: 'that does not shrink', text: 'that shrinks' };

async function measure(kind: 'random' | 'text'): Promise<Row[]> {
  await writeFile(file, payload(kind, MEGABYTES * 1e6));
  const seen = new Map<Name, Seen[]>(names.map((name) => [name, []]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const name of names) {
      const one = await measured(name);
      if (round >= 0) seen.get(name)?.push(one); // The first is a warm-up.
    }
  }
  const of = (name: Name, value: (one: Seen) => number): number[] => (seen.get(name) ?? []).map(value);
  const row = (name: Name, unit: string, value: (one: Seen) => number, beside: Name): Row => ({
    ...{ what: `${name}, payload ${WORDS[kind]}`, unit, ours: of(name, value) },
    baseline: { name: beside, values: of(beside, value) },
  });
  const time = ({ time: milliseconds }: Seen): number => milliseconds;
  const speed = (one: Seen): number => (MEGABYTES / one.time) * 1000;
  const fast = row('bundle', 'MB/s', speed, 'tar c, pigz -1');
  return [
    { ...row('bundle', 'ms', time, 'tar c, pigz -1'), target: { times: TARGETS[kind] } },
    { ...row('bundle with its SHA-256', 'ms', time, 'tar c, pigz -1'), target: { times: TARGETS[kind] } },
    row('bundle', 'ms', time, 'tar cz'),
    kind === 'random' ? { ...fast, target: { least: LEAST_SPEED } } : fast,
    { ...row('bundle with its SHA-256', 'MiB', ({ peak }) => peak, 'tar c, pigz -1'), target: { most: MOST_MEMORY } },
  ];
}

const rows: Row[] = [];
try {
  await writeFile(empty, '');
  for (const kind of ['random', 'text'] as const) rows.push(...(await measure(kind)));
} finally {
  await rm(directory, { recursive: true, force: true });
}
report({ title: `Bundling ${MEGABYTES} MB`, command: 'node bench/members.bench.ts' }, rows);
