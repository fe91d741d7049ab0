import { GROUPS, type OptionRow } from './option-row.ts';

export const DEFAULT_DURATION = '1m';
export const DEFAULT_MAX_SIZE = '100';
export const DEFAULT_MIN_FREE = '10%';
export const DEFAULT_NODE_SELECTOR = 'kubernetes.io/os=linux';

/** The kinds that arguments may name, in their usual spelling. */
export const TARGET_WORDS = 'pod, deploy, sts, ds, rs, job, cronjob, svc, node';

export const targetRows: readonly OptionRow[] = [
  {
    group: GROUPS.target,
    flags: '--node-selectors <selector>',
    description: 'nodes with these labels',
    default: DEFAULT_NODE_SELECTOR,
  },
  { group: GROUPS.target, flags: '--node-names <names>', description: 'nodes by name, separated by commas' },
  { group: GROUPS.target, flags: '--pod-selectors <selector>', description: 'pods with these labels' },
  {
    group: GROUPS.target,
    flags: '--namespace-selectors <selector>',
    description: 'look for the pods in the namespaces with these labels',
    default: "the command's namespace",
  },
  {
    group: GROUPS.target,
    flags: '-A, --all-namespaces',
    description: 'look for the pods in all namespaces',
    default: 'false',
  },
  {
    group: GROUPS.target,
    flags: '--pod-names <names>',
    description: "pods of the command's namespace, separated by commas",
  },
];

const filterRows: readonly OptionRow[] = [
  {
    group: GROUPS.filter,
    flags: '--include-filter <endpoints>',
    description:
      'only packets from or to one of these: IP:Port, IP, Port, *:Port, IP:*, separated by commas; [::1]:53, 10.0.0.0/8:80',
  },
  {
    group: GROUPS.filter,
    flags: '--exclude-filter <endpoints>',
    description: 'no packets from or to one of these, in the same forms',
  },
  {
    group: GROUPS.filter,
    flags: '--pcap-filter <expression>',
    description: 'only packets that match this BPF expression (pcap-filter(7))',
  },
  {
    group: GROUPS.filter,
    flags: '--tcpdump-filter <expression>',
    description: 'deprecated: the old name of --pcap-filter; flags of tcpdump in it become flags of ours',
  },
  {
    group: GROUPS.filter,
    flags: '--source-ips <addresses>',
    description: 'only packets from one of these IPs or CIDRs, separated by commas',
  },
  {
    group: GROUPS.filter,
    flags: '--destination-ips <addresses>',
    description: 'only packets to one of these IPs or CIDRs, separated by commas',
  },
];

const whatRows: readonly OptionRow[] = [
  {
    group: GROUPS.what,
    flags: '--interfaces <names>',
    description: 'network interfaces, separated by commas; each is captured',
    default: 'any, which is all',
  },
  {
    group: GROUPS.what,
    flags: '--packet-size <bytes>',
    description: 'snap length: bytes kept of each packet',
    default: '0, which is all',
  },
  {
    group: GROUPS.what,
    flags: '--no-promiscuous',
    description: 'only what the interface would take anyway (tcpdump -p)',
    default: 'false',
  },
  {
    group: GROUPS.what,
    flags: '--packet-buffered',
    description: 'write each packet to the file at once (tcpdump -U)',
    default: 'false',
  },
  {
    group: GROUPS.what,
    flags: '--immediate-mode',
    description: 'take each packet from the kernel at once; costs CPU (tcpdump --immediate-mode)',
    default: 'false',
  },
  {
    group: GROUPS.what,
    flags: '--include-metadata',
    description: 'add the network state of the node, before and after',
    default: 'true',
  },
];

const listingRows: readonly OptionRow[] = [
  { group: GROUPS.listing, flags: '--no-resolve-dns', description: 'addresses as numbers (tcpdump -n)' },
  { group: GROUPS.listing, flags: '--no-resolve-port', description: 'addresses and ports as numbers (tcpdump -nn)' },
  {
    group: GROUPS.listing,
    flags: '--verbosity <level>',
    description: 'verbose, extra or max (tcpdump -v, -vv, -vvv)',
    values: ['verbose', 'extra', 'max'],
  },
  {
    group: GROUPS.listing,
    flags: '--timestamp-format <format>',
    description: 'none, unformatted, delta, date or delta-since-first (tcpdump -t to -ttttt)',
    values: ['none', 'unformatted', 'delta', 'date', 'delta-since-first'],
  },
  {
    group: GROUPS.listing,
    flags: '--print-data <format>',
    description: 'hex, hex-with-link, ascii or ascii-with-link (tcpdump -x, -xx, -A, -AA)',
    values: ['hex', 'hex-with-link', 'ascii', 'ascii-with-link'],
  },
  { group: GROUPS.listing, flags: '--print-link-header', description: 'link-level headers (tcpdump -e)' },
  { group: GROUPS.listing, flags: '--quiet-output', description: 'less about each protocol (tcpdump -q)' },
  { group: GROUPS.listing, flags: '--absolute-seq', description: 'absolute TCP sequence numbers (tcpdump -S)' },
  { group: GROUPS.listing, flags: '--dont-verify-checksum', description: 'do not check checksums (tcpdump -K)' },
];

const endRows: readonly OptionRow[] = [
  {
    group: GROUPS.end,
    flags: '--duration <duration>',
    description: 'such as 30s, 5m, 1h30m; 0 captures until stopped',
    default: `${DEFAULT_DURATION}; with --file-count until stopped`,
  },
  {
    group: GROUPS.end,
    flags: '--max-size <MB>',
    description: 'megabytes of packets on a node, in each file with --file-count; 0 for no limit',
    default: DEFAULT_MAX_SIZE,
  },
  {
    group: GROUPS.end,
    flags: '--packet-count <number>',
    description: 'packets on a node, over all interfaces',
    default: '0, which is no limit',
  },
  {
    group: GROUPS.end,
    flags: '--file-count <number>',
    description: 'a ring of so many files of --max-size each: the oldest is overwritten',
  },
  {
    group: GROUPS.end,
    flags: '--min-free <size>',
    description:
      'end the capture when less than this is free on the disk of the packets: percent, or bytes such as 2Gi',
    default: DEFAULT_MIN_FREE,
  },
];

/** What a capture in a cluster and one on this machine share. */
export const captureRows: readonly OptionRow[] = [...filterRows, ...whatRows, ...listingRows, ...endRows];
