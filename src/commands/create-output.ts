import type { CapturePlan } from '../capture/plan.ts';
import type { Cell, Ui } from '../deps.ts';
import type { Job, Secret } from '../kube/cluster.ts';
import { type Problems, parseDryRun, parseOneOf } from './flags.ts';
import { dim } from './render.ts';
import { toYaml } from './yaml.ts';

const SHAPES = ['wide', 'name', 'json', 'yaml'] as const;
/** How what was created is printed; `plain` is for people, the others as in kubectl. */
export type Shape = 'plain' | (typeof SHAPES)[number];

export type OutputFlags = { dryRun?: string; output?: string };

/** What `create` is to do: create, only say what it would (client), ask the server as well, or write a manifest. */
export type Mode = Acting | { kind: 'manifest' };
export type Acting = { kind: 'create' | 'client' | 'server'; shape: Shape };

/** What a capture consists of, planned or created. */
export type Made = { plan: CapturePlan; jobs: readonly Job[] };

/** The mode of a command line, checked. */
export function toMode(flags: OutputFlags, problems: Problems): Mode {
  const where = problems.parse('--dry-run', flags.dryRun, parseDryRun) ?? 'none';
  const output = problems.parse('--output', flags.output, parseOneOf(...SHAPES, 'capture'));
  if (output === 'capture') {
    if (where !== 'client')
      problems.found.push('--output: capture goes with --dry-run=client: nothing is created then');
    return { kind: 'manifest' };
  }
  return { kind: where === 'none' ? 'create' : where, shape: output ?? 'plain' };
}

/** Prints captures that were created, or would be: the tarballs to come, or the Jobs; of a dry run, what kubectl says. */
export async function printMade(ui: Ui, made: readonly Made[], mode: Acting): Promise<void> {
  const { kind, shape } = mode;
  if (shape === 'json' || shape === 'yaml') return printList(ui, made, mode);
  const secrets = secretsOf(made, kind).map(({ metadata }) => `secret/${metadata?.name}`);
  const names = [...secrets, ...made.flatMap(({ jobs }) => jobs.map((job) => `job.batch/${job.metadata?.name}`))];
  if (shape === 'name') return names.forEach((name) => void ui.print(name));
  if (shape === 'wide' || kind === 'create')
    return ui.printTable(
      plannedRows(
        made.flatMap(({ plan }) => plan.nodes),
        shape,
      ),
    );
  const how = kind === 'server' ? 'server dry run' : 'dry run';
  for (const name of names) ui.print(`${name} created (${how})`);
}

function plannedRows(nodes: CapturePlan['nodes'], shape: 'plain' | 'wide'): Cell[][] {
  const rows = nodes.map(({ node, job, tarball, elsewhere }) => [
    node,
    `job/${job.metadata?.name}`,
    [tarball, ...elsewhere].join('  '),
  ]);
  if (shape === 'plain') return rows;
  const more = nodes.map(({ pods, filter }) => [pods.join(',') || '–', filter || '–']);
  return [
    dim(['NODE', 'JOB', 'TARBALL', 'PODS', 'FILTER']),
    ...rows.map((row, index) => [...row, ...(more[index] ?? [])]),
  ];
}

/** What is there after a capture was created is no part of the answer: a Secret's values must not be printed. */
function secretsOf(made: readonly Made[], kind: Acting['kind']): Secret[] {
  return kind === 'create'
    ? []
    : made.flatMap(({ plan }) => (plan.secret === undefined ? [] : [redacted(plan.secret)]));
}

function redacted({ data = {}, stringData = {}, ...secret }: Secret): Secret {
  const keys = [...Object.keys(data), ...Object.keys(stringData)];
  return { ...secret, stringData: Object.fromEntries(keys.map((key) => [key, 'REDACTED'])) };
}

/** As kubectl's lists, also where there is one Job: a script reads `.items` whatever the number of nodes. */
function printList(ui: Ui, made: readonly Made[], { kind, shape }: Acting): void {
  const secrets = secretsOf(made, kind);
  for (const { metadata } of secrets) {
    ui.warn(`the values of secret/${metadata?.name} are not printed: put them in before you apply it`);
  }
  const items = [...secrets, ...made.flatMap(({ jobs }) => jobs)];
  const list = { apiVersion: 'v1', kind: 'List', metadata: {}, items };
  ui.print(shape === 'json' ? JSON.stringify(list, null, 2) : toYaml(list));
}
