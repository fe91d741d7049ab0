// What pktmon says: https://learn.microsoft.com/windows-server/administration/windows-commands/pktmon-status, -filter-list,
// -stop and -counters, and the answers shown in https://learn.microsoft.com/windows-server/networking/technologies/pktmon/pktmon-syntax

/** Whether `pktmon status` says that nothing is captured. In words that are not known, something may be. */
export function isIdle(status: string): boolean {
  return /\bnot running\b/i.test(status);
}

/** Whether `pktmon filter list` shows none. In words that are not known, there may be some. */
export function hasNoFilters(list: string): boolean {
  return /^[ \t]*None[ \t]*$/im.test(list);
}

/** The filters that `pktmon filter list` shows, in its own words. */
export function filtersIn(list: string): string {
  const rows = list.split('\n').filter((line) => /^\s*\d+\s/.test(line));
  const words = rows.map((row) => row.trim().replace(/\s+/g, ' '));
  return words.slice(0, 5).join(', ') || firstLine(list);
}

/** What a session is called by `pktmon status`: its log file, or else its first words. */
export function sessionIn(status: string): string {
  return logFileIn(status) ?? firstLine(status);
}

/** Whether the session that `pktmon status` tells of is not the one with this file. */
export function isForeign(status: string, name: string): boolean {
  const file = logFileIn(status);
  return file !== undefined && !file.includes(name);
}

/** The events that a session has lost, as `pktmon stop` tells behind the log file; 0 where it tells none. */
export function eventsLost(stopped: string): number {
  return Number(/\b(\d[\d,.]*) events? lost\b/i.exec(stopped)?.[1]?.replace(/[,.]/g, '') ?? 0);
}

/**
 * The packets that components of Windows dropped, as `pktmon counters --type drop --json` counts them, in both directions.
 * The page names the flags and what is counted, not what the JSON calls it: whatever counts packets there counts drops.
 * 0 where it is no JSON; the answer is in pktmon's log then.
 */
export function packetsDropped(counters: string): number {
  try {
    return packetsBelow(JSON.parse(counters));
  } catch {
    return 0;
  }
}

function packetsBelow(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const counts = Object.entries(value).map(([key, below]) =>
    key === 'Packets' && typeof below !== 'object' ? Number(below) || 0 : packetsBelow(below),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The first words of an output, without what looks like a title; empty for none. */
export function firstLine(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  return lines.find((line) => line !== '' && !line.endsWith(':')) ?? '';
}

function logFileIn(status: string): string | undefined {
  return /^[ \t]*Log file:[ \t]*(\S.*)$/im.exec(status)?.[1]?.trim();
}
