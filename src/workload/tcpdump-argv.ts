/** KiB of tcpdump's ring: with the default of 2 MiB, 1 Gbit/s loses packets. */
const BUFFER_KIB = 16_384;
/** What tcpdump's -C counts in. */
const MEGABYTE = 1_000_000;
/** What the shell's `ulimit -f` counts in. */
const ULIMIT_BLOCK = 512;

/** What one tcpdump is to capture. */
export type TcpdumpSpec = {
  interface: string;
  file: string;
  snapLength: number;
  filter: string;
  promiscuous: boolean;
  packetBuffered: boolean;
  immediate: boolean;
  /** Ends after so many packets; null for no limit. */
  packetCount: number | null;
  /** Bytes of a file, or of each file of a ring; null for no limit. */
  maxBytes: number | null;
  /** Files of a ring; null for one file. */
  fileCount: number | null;
};

/** tcpdump's arguments. The filter is one argument: nothing in it is taken for an option. */
export function tcpdumpArgv(spec: TcpdumpSpec): string[] {
  const ring = spec.fileCount !== null && spec.maxBytes !== null;
  return [
    ...openArgv(spec),
    ...(spec.packetBuffered ? ['-U'] : []),
    ...(spec.packetCount === null ? [] : ['-c', String(spec.packetCount)]),
    ...(ring ? ['-C', String((spec.maxBytes ?? 0) / MEGABYTE), '-W', String(spec.fileCount)] : []),
    ...['-w', spec.file],
    ...filterArgv(spec),
  ];
}

/** The arguments by which tcpdump opens the same interface with the same filter, prints the filter's program and ends. */
export function rehearsalArgv(spec: Opened): string[] {
  return [...openArgv(spec), '-d', ...filterArgv(spec)];
}

type Opened = Pick<TcpdumpSpec, 'interface' | 'promiscuous' | 'immediate' | 'snapLength' | 'filter'>;

function openArgv(spec: Opened): string[] {
  return [
    ...['-i', spec.interface, '-n', '-B', String(BUFFER_KIB)],
    // Root must keep its user, or it loses the right to signal its own child where capabilities are dropped.
    ...['-Z', 'root'],
    ...(spec.promiscuous ? [] : ['-p']),
    ...(spec.immediate ? ['--immediate-mode'] : []),
    ...(spec.snapLength > 0 ? ['-s', String(spec.snapLength)] : []),
  ];
}

function filterArgv({ filter }: Opened): string[] {
  return filter.trim() === '' ? [] : ['--', filter];
}

/**
 * The command line that runs tcpdump. Where one file has a limit, the kernel holds it: not a byte is written beyond, and
 * tcpdump, which is told so by an error and not by a signal, goes on counting until it is ended.
 */
export function tcpdumpCommand(spec: TcpdumpSpec): { command: string; argv: string[] } {
  const argv = tcpdumpArgv(spec);
  if (spec.maxBytes === null || spec.fileCount !== null) return { command: 'tcpdump', argv };
  const script = `trap '' XFSZ; ulimit -f "$0"; exec tcpdump "$@"`;
  return { command: 'sh', argv: ['-c', script, String(Math.ceil(spec.maxBytes / ULIMIT_BLOCK)), ...argv] };
}
