/** tcpdump's counters. Loopback packets count twice as received but once as captured. */
export type TcpdumpCounts = {
  captured: number;
  received: number;
  droppedByKernel: number;
  droppedByInterface: number;
};

/** The counters before tcpdump has told any. */
export const NO_COUNTS: TcpdumpCounts = { captured: 0, received: 0, droppedByKernel: 0, droppedByInterface: 0 };

const COUNT = /(\d+) packets? (captured|received by filter|dropped by kernel|dropped by interface)/g;
const FIELD: Readonly<Record<string, keyof TcpdumpCounts>> = {
  captured: 'captured',
  'received by filter': 'received',
  'dropped by kernel': 'droppedByKernel',
  'dropped by interface': 'droppedByInterface',
};

/**
 * What a line of tcpdump's stderr says about its counters, or undefined. The answer to SIGUSR1 is one line,
 * `tcpdump: 5 packets captured, 10 packets received by filter, …`; at the end each counter has its own line, without
 * prefix. A packet filter that is echoed in an error may read alike, so the line must begin with a counter.
 */
export function parseCounts(line: string): Partial<TcpdumpCounts> | undefined {
  if (!/^(?:\S*tcpdump: )?\d+ packets? (?:captured|received by filter|dropped by)/.test(line)) return undefined;
  const counts: Partial<TcpdumpCounts> = {};
  for (const [, count, what] of line.matchAll(COUNT)) {
    const field = FIELD[what ?? ''];
    if (field !== undefined) counts[field] = Number(count);
  }
  return counts;
}

/** Whether a line is an answer to SIGUSR1; those are ours, not the user's, and stay out of the log. */
export function isCountsAnswer(line: string): boolean {
  return /^\S*tcpdump: \d+ packets? captured, /.test(line);
}

/** Whether a line says that packets are being captured from now on. */
export function isListening(line: string): boolean {
  return /^(?:\S*tcpdump: )?listening on /.test(line);
}

/** tcpdump's own words for why it ended: its last lines that are neither counters nor notices, joined. */
export function tcpdumpComplaint(lines: readonly string[]): string {
  const said = lines
    .filter((line) => line.trim() !== '' && parseCounts(line) === undefined && !isListening(line))
    .map((line) => line.replace(/^\S*tcpdump: /, '').trim())
    .filter((line) => !line.startsWith('verbose output suppressed') && !line.startsWith('data link type'))
    // libpcap repeats the system's reason in brackets on a line of its own.
    .filter((line, index, all) => !(line.startsWith('(') && all[index - 1]?.includes(line.slice(1, -1))));
  return said.slice(-4).join(' ');
}
