import { UsageError } from '../errors.ts';
import type { NodeTarget } from './node-targets.ts';
import { MAX_PKTMON_FILTERS, pktmonFilters } from './pktmon-filters.ts';
import type { CaptureSettings } from './request.ts';
import { listNames } from './suggest.ts';
import type { PktmonFilter } from './workload-spec.ts';

const HINT = 'Leave Windows nodes out, or capture on them apart: with pods and --include-filter alone.';

/**
 * Throws a UsageError for all that a capture asks of Windows nodes and their pktmon cannot do. Left out in silence, the
 * capture would be wider than it was told to be, or would not end.
 */
export function requirePktmonCan(targets: readonly NodeTarget[], settings: CaptureSettings): void {
  const windows = targets.filter(({ os }) => os === 'windows');
  if (windows.length === 0) return;
  const problems = [...unknownTo(settings, listNames(windows.map(({ node }) => node))), ...filters(windows, settings)];
  if (problems.length === 0) return;
  const several = problems.length === 1 ? [] : [`${problems.length} problems, nothing was created`];
  throw new UsageError([...several, ...problems].join('\n'), HINT);
}

/** What has no effect on Windows nodes, and that no real one was captured on before. */
export function windowsWarnings(targets: readonly NodeTarget[], settings: CaptureSettings): string[] {
  const names = listNames(targets.flatMap(({ node, os }) => (os === 'windows' ? [node] : [])));
  if (names === '') return [];
  const { listing, promiscuous, packetBuffered, immediate } = settings;
  const ignored = [
    ...(promiscuous ? [] : ['--no-promiscuous']),
    ...(packetBuffered ? ['--packet-buffered'] : []),
    ...(immediate ? ['--immediate-mode'] : []),
    ...(listing === null ? [] : ['what shapes packets.txt']),
  ];
  return [
    `${names}: captures on Windows nodes have been tried with an emulated pktmon, and not on real Windows nodes yet; they need an image made for Windows: --image`,
    ...(ignored.length === 0 ? [] : [`${names}: without effect on Windows nodes: ${ignored.join(', ')}`]),
  ];
}

/** A Windows node's filter in the parts that pktmon's are made of. */
export function pktmonFilter({ addresses }: NodeTarget, { filter }: Pick<CaptureSettings, 'filter'>): PktmonFilter {
  return {
    pods: [...addresses],
    include: [...filter.include],
    exclude: [...filter.exclude],
    sources: [...filter.sources],
    destinations: [...filter.destinations],
  };
}

function unknownTo({ filter, interfaces, packetCount }: CaptureSettings, names: string): string[] {
  const refused: readonly (readonly [asked: boolean, flag: string, why: string])[] = [
    [filter.expression !== '', '--pcap-filter', 'knows no BPF'],
    [filter.exclude.length > 0, '--exclude-filter', 'cannot leave packets out'],
    [filter.sources.length > 0, '--source-ips', 'does not tell source from destination'],
    [filter.destinations.length > 0, '--destination-ips', 'does not tell source from destination'],
    [interfaces.some((name) => name !== 'any'), '--interfaces', 'has no names for interfaces'],
    [packetCount !== null, '--packet-count', 'has no limit of packets'],
  ];
  return refused
    .filter(([asked]) => asked)
    .map(([, flag, why]) => `${flag} cannot be used on Windows nodes, whose pktmon ${why}: ${names}`);
}

function filters(windows: readonly NodeTarget[], settings: CaptureSettings): string[] {
  return windows.flatMap((target) => {
    const needed = pktmonFilters(pktmonFilter(target, settings));
    if (needed === undefined)
      return [`no packet on ${target.node} can pass --include-filter: its pods have other addresses`];
    if (needed.length <= MAX_PKTMON_FILTERS) return [];
    return [
      `${target.node} would need ${needed.length} filters, and pktmon takes ${MAX_PKTMON_FILTERS}: name fewer pods there`,
    ];
  });
}
