import { captureNameProblem } from '../capture/names.ts';
import type {
  CaptureRequest,
  CaptureSettings,
  CaptureTarget,
  Destination,
  JobSettings,
  NodePath,
} from '../capture/request.ts';
import type { LabelSelector } from '../capture/selector.ts';
import { UsageError } from '../errors.ts';
import {
  Problems as ProblemList,
  type Problems,
  parseBasePath,
  parseDuration,
  parseImage,
  parseInteger,
  parseInterfaces,
  parseNames,
  parseNodePath,
  parseOneOf,
  parseQuantity,
  parseSelectorFlag,
} from './flags.ts';
import {
  DEFAULT_DURATION,
  DEFAULT_HOST_PATH,
  DEFAULT_HOST_PATH_BASE,
  DEFAULT_MAX_SIZE,
  DEFAULT_NODE_SELECTOR,
} from './options.ts';
import { captureImage } from './version.ts';

/** Bytes in the megabyte of `--max-size`, as in tcpdump's -C. */
const MEGABYTE = 1_000_000;
const MAX_SNAP_LENGTH = 262_144;
/** What every capture requests; a limit below it is refused by the API server. */
const LEAST_CPU = { text: '10m', value: 0.01 };
/** Below this, the program is killed before it captures. */
const LEAST_MEMORY = { text: '32Mi', value: 32 * 2 ** 20 };

/** What is captured, as typed; unset flags are undefined. */
export type SettingsFlags = {
  name?: string;
  pcapFilter?: string;
  interfaces?: string;
  packetSize?: string;
  includeMetadata?: boolean;
  duration?: string;
  maxSize?: string;
};

export type ImageFlags = { image?: string; imagePullPolicy?: string };

/** The flags of `capture create` as typed; unset ones are undefined. */
export type CreateFlags = SettingsFlags &
  ImageFlags & {
    nodeSelectors?: string;
    nodeNames?: string;
    podSelectors?: string;
    namespaceSelectors?: string;
    podNames?: string;
    hostPath?: string;
    hostPathBaseDir?: string;
    wait?: boolean;
    timeout?: string;
    cpuLimit?: string;
    memoryLimit?: string;
  };

/** Throws one UsageError that tells all problems, if there are any, and what was not done because of them. */
export function throwProblems(problems: Problems, done = 'created'): void {
  const { found } = problems;
  if (found.length === 1) throw new UsageError(found[0] ?? '');
  if (found.length > 1) throw new UsageError([`${found.length} problems, nothing was ${done}`, ...found].join('\n'));
}

/** Flags to a request: applies defaults and every rule that needs no cluster. Throws a UsageError with all problems. */
export function toCaptureRequest(
  flags: CreateFlags,
  context: { newId: () => string; env: NodeJS.ProcessEnv },
): { request: CaptureRequest; timeoutMs: number | null } {
  const problems = new ProblemList();
  const settings = toSettings(flags, problems, context.newId);
  const target = toTarget(flags, problems);
  const destinations = toDestinations(flags, problems);
  const job = toJobSettings(flags, problems, context.env);
  const timeoutMs = problems.parse('--timeout', flags.timeout, parseDuration);
  throwProblems(problems);
  const patience = settings.durationMs === null ? null : settings.durationMs + 300_000;
  return { request: { ...settings, target, destinations, job }, timeoutMs: timeoutMs ?? patience };
}

/** The flags that a capture in a cluster and one on this machine share. */
export function toSettings(flags: SettingsFlags, problems: Problems, newId: () => string): CaptureSettings {
  const duration = problems.parse('--duration', flags.duration ?? DEFAULT_DURATION, parseDuration);
  const size = problems.parse('--max-size', flags.maxSize ?? DEFAULT_MAX_SIZE, parseInteger(0, 10_000_000));
  return {
    name: problems.parse('--name', flags.name, parseCaptureName) ?? `retina-capture-${newId()}`,
    filter: problems.parse('--pcap-filter', flags.pcapFilter, parseFilter) ?? '',
    interfaces: problems.parse('--interfaces', flags.interfaces, parseInterfaces) ?? ['any'],
    snapLength: problems.parse('--packet-size', flags.packetSize, parseInteger(0, MAX_SNAP_LENGTH)) ?? 0,
    durationMs: duration || null,
    maxBytes: size ? size * MEGABYTE : null,
    includeMetadata: flags.includeMetadata ?? true,
  };
}

/** A capture's name, or what is wrong with it. */
export function parseCaptureName(name: string): string | Error {
  const problem = captureNameProblem(name);
  return problem === undefined ? name : new Error(`"${name}" ${problem}`);
}

/** The image flags, as every command that starts pods takes them. */
export function toImage(
  flags: ImageFlags,
  problems: Problems,
  env: NodeJS.ProcessEnv,
): Pick<JobSettings, 'image' | 'imagePullPolicy'> {
  const policy = parseOneOf('Always', 'IfNotPresent', 'Never');
  const source = flags.image === undefined ? 'RETINA_AGENT_IMAGE' : '--image';
  return {
    image: problems.parse(source, flags.image ?? captureImage(env), parseImage) ?? '',
    imagePullPolicy: problems.parse('--image-pull-policy', flags.imagePullPolicy, policy) ?? 'IfNotPresent',
  };
}

/** Blank is not given; a leading dash would be a flag of tcpdump, not a filter. */
function parseFilter(text: string): string | Error {
  const filter = text.trim();
  if (filter.startsWith('-')) {
    return new Error(`"${text}" is a flag of tcpdump, not a BPF expression such as "tcp port 80"`);
  }
  return /[\p{Cc}]/u.test(filter) ? new Error('it has a control character') : filter;
}

function toTarget(flags: CreateFlags, problems: Problems): CaptureTarget {
  const nodes = problems.parse('--node-selectors', flags.nodeSelectors, parseSelectorFlag);
  const pods = problems.parse('--pod-selectors', flags.podSelectors, parseSelectorFlag);
  const namespaces = problems.parse('--namespace-selectors', flags.namespaceSelectors, parseSelectorFlag);
  const nodeNames = problems.parse('--node-names', flags.nodeNames, parseNames);
  const podNames = problems.parse('--pod-names', flags.podNames, parseNames);
  const given = [
    nodes === undefined ? [] : ['--node-selectors'],
    nodeNames === undefined ? [] : ['--node-names'],
    pods === undefined && namespaces === undefined ? [] : ['--pod-selectors with --namespace-selectors'],
    podNames === undefined ? [] : ['--pod-names'],
  ].flat();
  if (given.length > 1) problems.found.push(`only one kind of target can be given, not ${given.join(' and ')}`);
  if (podNames !== undefined) return { kind: 'pod-names', names: podNames };
  if (pods !== undefined || namespaces !== undefined) return { kind: 'pods', selector: pods, namespaces };
  if (nodeNames !== undefined) return { kind: 'node-names', names: nodeNames };
  return { kind: 'nodes', selector: nodes ?? (DEFAULT_NODE_SELECTOR as LabelSelector) };
}

function toDestinations(flags: CreateFlags, problems: Problems): readonly Destination[] {
  const base = problems.parse('--host-path-base-dir', flags.hostPathBaseDir ?? DEFAULT_HOST_PATH_BASE, parseBasePath);
  const path = problems.parse('--host-path', flags.hostPath ?? DEFAULT_HOST_PATH, parseNodePath(base ?? '/'));
  return [{ kind: 'host-path', path: path ?? (DEFAULT_HOST_PATH as NodePath) }];
}

function toJobSettings(flags: CreateFlags, problems: Problems, env: NodeJS.ProcessEnv): JobSettings {
  return {
    ...toImage(flags, problems, env),
    cpuLimit: problems.parse('--cpu-limit', flags.cpuLimit, parseQuantity(LEAST_CPU)),
    memoryLimit: problems.parse('--memory-limit', flags.memoryLimit, parseQuantity(LEAST_MEMORY)),
  };
}
