import prettyBytes from 'pretty-bytes';
import { tarballName } from '../capture/names.ts';
import { locationOf, placeOf } from '../capture/places.ts';
import type { Removed } from '../capture/remove.ts';
import type { CaptureSettings } from '../capture/request.ts';
import { keptOnNode } from '../capture/result-words.ts';
import type { CaptureSummary, NodeStatus } from '../capture/status.ts';
import type { Cell } from '../deps.ts';
import { waitWords } from './begin-words.ts';

/** Rows of nodes that a table shows at most; the rest is counted. */
const MAX_NODES = 20;
/** Nodes whose troubles are told in full below it, in lines of so many characters. */
const MAX_REMARKS = 3;
const WRAP = 78;

/** A whole number for people, with thousands separators. By hand: the first use of a locale takes 12 ms. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 node`, `2 nodes`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A number of bytes for people: `2.4 MB`. */
export function size(bytes: number): string {
  return prettyBytes(bytes);
}

/** Milliseconds for people: `850 ms`, `31.2 s`, `5m`, `3h`, `2d`. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** A duration of a capture for people: `30 s`, `5 min`. */
export function span(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  return seconds < 120 || seconds % 60 !== 0 ? `${Number(seconds.toFixed(1))} s` : `${seconds / 60} min`;
}

/** What ends a capture, in words: `for 30 s or up to 100 MB a node`. */
export function limitWords(settings: CaptureSettings, where: string): string {
  const { durationMs, maxBytes, packetCount, fileCount } = settings;
  const limits = [
    durationMs === null ? [] : [`for ${span(durationMs)}`],
    maxBytes === null || fileCount !== null ? [] : [`up to ${size(maxBytes)}${where}`],
    packetCount === null ? [] : [`up to ${plural(packetCount, 'packet')}${where}`],
  ].flat();
  const until = limits.length > 0 ? limits.join(' or ') : 'until it is stopped';
  if (fileCount === null || maxBytes === null) return until;
  return `${until}, in a ring of ${plural(fileCount, 'file')} of ${size(maxBytes)}${where}`;
}

/** Sums over the nodes that have a result. */
export function totals(nodes: readonly NodeStatus[]): { packets: number; lost: number; bytes: number; known: boolean } {
  const results = nodes.flatMap((node) => (node.result === undefined ? [] : [node.result]));
  const sum = (pick: (result: (typeof results)[number]) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  return {
    packets: sum((r) => r.packets),
    lost: sum((r) => r.droppedByKernel + r.droppedByInterface),
    bytes: sum((r) => r.tarball?.bytes ?? 0),
    known: results.length > 0,
  };
}

/** What the destinations of a capture are called, each once. */
export function places(nodes: readonly NodeStatus[]): string {
  const told = nodes.flatMap((node) =>
    node.destinations.length > 0 ? node.destinations.map(placeOf) : savedIn(node.result),
  );
  const unknown = nodes.some((node) => node.hostPath !== undefined) ? 'host path' : 'elsewhere';
  return told.length === 0 ? unknown : [...new Set(told)].join(', ');
}

/** What a result alone tells: a store holds it without the order of the capture. */
function savedIn(result: NodeStatus['result']): string[] {
  const saved = result?.destinations.filter(({ ok, removed }) => ok && removed !== true) ?? [];
  return saved.map(({ location }) => location.replace(/^https?:\/\//, '').replace(/\/[^/]*$/, ''));
}

/** Where a node's tarball lies, as far as it is known: one place of several. */
export function location(node: NodeStatus): string {
  return locations(node)[0] ?? '–';
}

/** All places where a node's tarball lies, or will lie. */
export function locations(node: NodeStatus): string[] {
  const { result, stem } = node;
  if (result !== undefined) {
    const saved = result.destinations.flatMap((to) => (to.ok && to.removed !== true ? [to.location] : []));
    return result.rescued === undefined ? saved : [...saved, `${result.rescued} on ${node.node}`];
  }
  // Of a pod that died nothing is known: to name a place would say that it is there.
  if (stem === undefined || node.phase === 'failed') return [];
  if (node.destinations.length > 0) return node.destinations.map((to) => locationOf(to, stem));
  return node.hostPath === undefined ? [] : [`${node.hostPath}/${tarballName(stem)}`];
}

/** Columns of the live table that yield on a narrow terminal: size, lost, packets, and last the words of the state. */
export const PROGRESS_YIELDING = [4, 3, 2, 1] as const;

/** The live table of a capture that is waited for: what fails first, then what still runs. */
export function progressRows(capture: CaptureSummary, elapsedMs: number): Cell[][] {
  const order = { failed: 0, waiting: 1, capturing: 2, completed: 3 } as const;
  const nodes = capture.nodes.toSorted((a, b) => order[a.phase] - order[b.phase]);
  const rows = nodes.slice(0, MAX_NODES).map((node) => progressRow(node, elapsedMs));
  const rest = nodes.slice(MAX_NODES);
  const phases = [...Map.groupBy(rest, (node) => node.phase)].map(([phase, there]) => `${there.length} ${phase}`);
  const more: Cell[][] =
    rest.length === 0 ? [] : [[{ text: `… and ${rest.length} more: ${phases.join(', ')}`, tone: 'dim' }]];
  return [dim(['NODE', 'STATE', 'PACKETS', 'LOST', 'SIZE']), ...rows, ...more, ...remarks(nodes)];
}

/** What holds nodes up, in full, below the table: there, it has but a cell. */
function remarks(nodes: readonly NodeStatus[]): Cell[][] {
  const held = nodes.filter(
    (node) => node.phase !== 'completed' && node.problem !== undefined && node.hint !== undefined,
  );
  const lines = held.slice(0, MAX_REMARKS).flatMap((node) => nodeEvent(node)?.split('\n') ?? []);
  return lines.flatMap((line) => wrapped(line)).map((text) => [{ text, tone: 'dim' }]);
}

/** A text in lines that fit a terminal, broken between words; what is continued is indented. */
function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(/(?<=\S) +/)) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > WRAP) lines.push(`    ${word}`);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

function progressRow(node: NodeStatus, elapsedMs: number): Cell[] {
  const { result } = node;
  const state: Record<NodeStatus['phase'], Cell> = {
    waiting: { text: (waitWords(node) ?? `waiting: ${node.problem ?? 'starting'}`).slice(0, 60), tone: 'dim' },
    capturing: `capturing ${age(elapsedMs)}${node.problem === undefined ? '' : ` (${node.problem})`}`,
    completed: { text: 'saved', tone: 'good' },
    failed: { text: 'failed', tone: 'bad' },
  };
  const numbers =
    result === undefined
      ? ['', '', '']
      : [count(result.packets), lostCell(lostOf(node)), size(result.tarball?.bytes ?? 0)];
  return [node.node, state[node.phase], ...numbers];
}

/** Packets that a node lost, in the kernel or at the interface. */
export function lostOf(node: NodeStatus): number {
  return (node.result?.droppedByKernel ?? 0) + (node.result?.droppedByInterface ?? 0);
}

/** A number of lost packets: none is good news and stays quiet. */
export function lostCell(lost: number): Cell {
  return lost === 0 ? '0' : { text: count(lost), tone: 'warn' };
}

/** A row in which every cell is dimmed. */
export function dim(texts: readonly string[]): Cell[] {
  return texts.map((text) => ({ text, tone: 'dim' }));
}

/** What to tell of a node whose state has changed, for logs: a line, and a hint below it; undefined for nothing. */
export function nodeEvent(node: NodeStatus): string | undefined {
  const words = eventWords(node);
  if (words === undefined || node.phase === 'completed') return words;
  return node.problem === undefined || node.hint === undefined ? words : `${words}\n  ${indented(node.hint)}`;
}

function eventWords(node: NodeStatus): string | undefined {
  switch (node.phase) {
    case 'waiting': {
      const words = waitWords(node);
      if (words !== undefined) return `${node.node}: ${words}`;
      return node.problem === undefined || node.problem === 'starting'
        ? undefined
        : `${node.node}: waiting: ${node.problem}`;
    }
    case 'capturing':
      return `${node.node}: capturing${node.problem === undefined ? '' : ` (${node.problem})`}`;
    case 'completed': {
      const early = node.endedBy === undefined ? '' : `; ended early: ${node.endedBy}`;
      return node.result === undefined
        ? `${node.node}: done${early}`
        : `${node.node}: saved ${plural(node.result.packets, 'packet')}, ${count(lostOf(node))} lost, ${size(node.result.tarball?.bytes ?? 0)}${early}`;
    }
    case 'failed':
      return `${node.node}: failed: ${node.problem ?? 'no reason told'}`;
    default:
      return node.phase satisfies never;
  }
}

/** Hints of nodes that failed, each once. */
export function failureLines(capture: CaptureSummary): string[] {
  const failed = capture.nodes.filter((node) => node.phase === 'failed');
  const hints = new Set(failed.flatMap((node) => node.hint?.split('\n') ?? []));
  return [
    ...failed.map((node) => `  ${node.node}: ${node.problem ?? 'no reason told'}`),
    ...[...hints].map((line) => `  ${line}`),
  ];
}

function indented(text: string): string {
  return text.replaceAll('\n', '\n  ');
}

/** What holds up nodes that are not done: one that does not answer, a pod that cannot be scheduled. */
export function openLines({ nodes }: Pick<CaptureSummary, 'nodes'>): string[] {
  const held = nodes.filter(({ phase, problem }) => /waiting|capturing/.test(phase) && problem !== undefined);
  return held.flatMap((node) => nodeEvent(node) ?? []).map((line) => `  ${indented(line)}`);
}

/** Nodes whose clocks are off: the times of their packets are, and nothing else. */
export function clockLines({ nodes }: Pick<CaptureSummary, 'nodes'>): string[] {
  return nodes.flatMap(({ node, clockOffsetMs }) => {
    if (clockOffsetMs === undefined) return [];
    const side = clockOffsetMs > 0 ? 'ahead of' : 'behind';
    const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
    const off = seconds < 120 ? `${seconds} s` : `${count(Math.round(seconds / 60))} min`;
    return [
      `the clock of node ${node} is about ${off} ${side} the control plane's: so are the times of its packets; all else is right. See there: timedatectl`,
    ];
  });
}

/** What to type next where tarballs lie on their nodes because a destination did not take them; undefined elsewhere. */
export function uploadStep({ name, namespace, nodes }: CaptureSummary): string | undefined {
  const kept = nodes.some(
    ({ result }) => result?.destinations.some(({ ok }) => !ok) && keptOnNode(result) !== undefined,
  );
  if (!kept) return undefined;
  const rest = `${name} -n ${namespace}`;
  return `kubectl retina capture upload ${rest}\n  or: kubectl retina capture download ${rest}`;
}

/** An object that was removed, as kubectl names it: `job.batch/web-node1`. */
export function objectName({ kind, name }: Pick<Removed, 'kind' | 'name'>): string {
  return `${{ jobs: 'job.batch', pods: 'pod', secrets: 'secret' }[kind]}/${name}`;
}

/** How far a capture is: `1/2`. */
export function doneOf({ nodes }: Pick<CaptureSummary, 'nodes'>): string {
  return `${nodes.filter((node) => node.phase === 'completed').length}/${nodes.length}`;
}
