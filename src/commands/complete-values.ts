import type { Command, Option } from 'commander';
import { captureSelector, LABEL_CAPTURE } from '../capture/names.ts';
import type { Deps } from '../deps.ts';
import type { Cluster, ConnectionOptions, Kinds } from '../kube/cluster.ts';

/** Cobra's directives: how the shell is to go on. */
const NO_SPACE = 2;
const NO_FILES = 4;
const FILTER_DIRECTORIES = 16;

type Candidate = { text: string; description?: string | undefined };
export type Candidates = { found: readonly Candidate[]; directive: number };

/** What stands on the command line before the word to complete. */
export type Typed = {
  command: string;
  args: readonly string[];
  flags: ReadonlyMap<string, readonly string[]>;
  connection: ConnectionOptions;
};

export const NOTHING: Candidates = { found: [], directive: NO_FILES };
/** The shell completes names of files, or of directories, by itself. */
const FILES: Candidates = { found: [], directive: 0 };
const DIRECTORIES: Candidates = { found: [], directive: FILTER_DIRECTORIES };
const FILE_FLAGS = ['--kubeconfig', '--certificate-authority', '--client-certificate', '--client-key', '--filename'];

/** The kinds of a target, as they are offered, and what lists them. */
const TARGET_KINDS: Readonly<Record<string, keyof Kinds>> = {
  pod: 'pods',
  deploy: 'deployments',
  sts: 'statefulsets',
  ds: 'daemonsets',
  rs: 'replicasets',
  job: 'jobs',
  cronjob: 'cronjobs',
  svc: 'services',
  node: 'nodes',
};

/** What the API server takes for a name or a label: nothing else goes onto a command line that a shell will read. */
const NAME = /^[\w.-]+$/;

/** Those that begin like the word to complete. */
export function words(all: readonly Candidate[], current: string): Candidates {
  return { found: all.filter(({ text }) => text.startsWith(current)), directive: NO_FILES };
}

/** What can be the value of a flag. */
export async function valuesOfFlag(
  deps: Deps,
  option: Option | undefined,
  current: string,
  typed: Typed,
): Promise<Candidates> {
  const flag = option?.long ?? '';
  if (option?.optional) return plain(['true', 'false'], current);
  if (option?.argChoices !== undefined) return choices(option.argChoices, current);
  if (FILE_FLAGS.includes(flag)) return FILES;
  if (flag === '--cache-dir' || (flag === '--output' && /^(download|local)$/.test(typed.command))) return DIRECTORIES;
  if (/^--(context|cluster|user)$/.test(flag)) {
    const names = await deps.configNames(typed.connection);
    return plain(names[`${flag.slice(2)}s` as keyof typeof names], current);
  }
  if (flag === '--namespace') return plain(await names(await deps.connect(typed.connection), 'namespaces'), current);
  if (flag === '--node-names') return commaList(await names(await deps.connect(typed.connection), 'nodes'), current);
  if (flag === '--pod-names') return commaList(await names(await deps.connect(typed.connection), 'pods'), current);
  const namesCapture = flag === '--name' && !/^(create|check|local)$/.test(typed.command);
  return namesCapture ? plain(await captures(deps, typed), current) : NOTHING;
}

/** What can be the next argument of a command. */
export async function argumentValues(deps: Deps, command: Command, current: string, typed: Typed): Promise<Candidates> {
  if (/^(create|check)$/.test(command.name())) return targets(deps, current, typed);
  const argument = command.registeredArguments[0];
  if (argument === undefined || (!argument.variadic && typed.args.length > 0)) return NOTHING;
  if (argument.argChoices !== undefined) return plain(argument.argChoices, current);
  const others = (await captures(deps, typed)).filter((name) => !typed.args.includes(name));
  return plain(others, current);
}

async function captures(deps: Deps, { connection, flags }: Typed): Promise<string[]> {
  const cluster = await deps.connect(connection);
  const namespace = flags.get('--all-namespaces')?.at(-1) === 'true' ? undefined : cluster.namespace;
  const jobs = await cluster.list('jobs', { namespace, labels: captureSelector() });
  return [...new Set(jobs.map((job) => job.metadata?.labels?.[LABEL_CAPTURE] ?? ''))].filter(isName).sort();
}

/** `deploy/web`; also the names alone, after a kind that stands as a word of its own. */
async function targets(deps: Deps, current: string, { args, connection }: Typed): Promise<Candidates> {
  const [first = ''] = args;
  const own = Object.hasOwn(TARGET_KINDS, first) ? TARGET_KINDS[first] : undefined;
  if (own !== undefined) return plain(await names(await deps.connect(connection), own), current);
  const [kind = '', name] = current.split('/');
  if (name === undefined) {
    const offered = Object.keys(TARGET_KINDS).map((word) => ({ text: `${word}/` }));
    return { found: words(offered, current).found, directive: NO_SPACE | NO_FILES };
  }
  const plural = Object.hasOwn(TARGET_KINDS, kind) ? TARGET_KINDS[kind] : undefined;
  if (plural === undefined) return NOTHING;
  const known = await names(await deps.connect(connection), plural);
  return plain(
    known.map((one) => `${kind}/${one}`).filter((one) => !args.includes(one)),
    current,
  );
}

async function names(cluster: Cluster, kind: keyof Kinds): Promise<string[]> {
  const namespace = kind === 'nodes' || kind === 'namespaces' ? undefined : cluster.namespace;
  const all: { metadata?: { name?: string } }[] = await cluster.list(kind, { namespace });
  return all
    .map((one) => one.metadata?.name ?? '')
    .filter(isName)
    .sort();
}

function isName(text: string): boolean {
  return NAME.test(text);
}

function plain(all: readonly string[], current: string): Candidates {
  return words(
    all.map((text) => ({ text })),
    current,
  );
}

/** After a word that ends with `=`, something must follow at once. */
function choices(all: readonly string[], current: string): Candidates {
  const { found } = plain(all, current);
  const unfinished = found.length === 1 && found[0]?.text.endsWith('=');
  return { found, directive: unfinished ? NO_SPACE | NO_FILES : NO_FILES };
}

/** The last of several names with commas between; those that are there already are not offered again. */
function commaList(all: readonly string[], current: string): Candidates {
  const given = current.split(',').slice(0, -1);
  const before = given.map((name) => `${name},`).join('');
  const rest = all.filter((name) => !given.includes(name)).map((name) => ({ text: `${before}${name}` }));
  return { found: words(rest, current).found, directive: NO_SPACE | NO_FILES };
}
