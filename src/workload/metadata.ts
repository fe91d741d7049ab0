import { join } from 'node:path';
import { execa } from 'execa';
import type { BundleEntry } from './bundle.ts';
import { readProc } from './proc.ts';
import { toolEnv } from './tool-env.ts';

const TOOL_TIMEOUT_MS = 5_000;
const MAX_OUTPUT_BYTES = 8 << 20;

/** How a command ended, as it goes into a file. */
export type ToolReport = { command: string; output: string; ok: boolean };

/** Runs a command; a failure of any kind is told in the report. */
export type RunTool = (command: string, argv: readonly string[]) => Promise<ToolReport>;

const IP_COMMANDS = ['ip -d -j addr', 'ip -d -j neighbor', 'ip rule', 'ip -6 rule', 'ip route show table all'];
const SOCKET_COMMANDS = ['ss -s', 'ss -tapionume'];
const IPTABLES = ['iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'];
const LISTED_TABLES = ['filter', 'nat', 'mangle'];

/**
 * Reads the state of the host's network into entries below `folder` (empty: the top): tools and copies of /proc, all at
 * once. A tool that is missing or fails is recorded in its file. `scratch` takes the tools' lock files.
 */
export async function collectMetadata(folder: string, scratch: string, signal: AbortSignal): Promise<BundleEntry[]> {
  const run = toolRunner(scratch, signal);
  const all = (commands: readonly string[]): Promise<ToolReport[]> =>
    Promise.all(commands.map((line) => runLine(run, line)));
  const report = async (name: string, reports: Promise<readonly ToolReport[]>): Promise<BundleEntry[]> => {
    return [textEntry(join(folder, name), renderReports(await reports))];
  };
  const proc = async (): Promise<BundleEntry[]> => {
    const net = await readProc('/proc/net/', join(folder, 'proc-net'), signal);
    const sysctl = await readProc('/proc/sys/net/', join(folder, 'proc-sys-net'), signal);
    const notes = [...net.notes, ...sysctl.notes].join('\n');
    return [textEntry(join(folder, 'proc-errors.txt'), `${notes}\n`), ...net.entries, ...sysctl.entries];
  };
  const entries = await Promise.all([
    report('ip-resources.txt', all(IP_COMMANDS)),
    report('iptables-rules.txt', iptablesReports(run)),
    report('socket-stats.txt', all(SOCKET_COMMANDS)),
    proc(),
  ]);
  return entries.flat();
}

function textEntry(name: string, text: string): BundleEntry {
  return { name, content: Buffer.from(text) };
}

function runLine(run: RunTool, line: string): Promise<ToolReport> {
  const [command = '', ...argv] = line.split(' ');
  return run(command, argv);
}

/**
 * The rules of each variant, and the listings of its tables that hold rules. Tables that do not show in the saved rules
 * are not listed: listing creates a legacy table in the kernel, and looking must change nothing.
 */
export async function iptablesReports(run: RunTool): Promise<ToolReport[]> {
  const variants = await Promise.all(
    IPTABLES.map(async (tool) => {
      const saved = await run(`${tool}-save`, []);
      const tables = LISTED_TABLES.filter((table) => saved.ok && savedTables(saved.output).includes(table));
      return [saved, ...(await Promise.all(tables.map((table) => run(tool, ['-t', table, '-vnx', '-L']))))];
    }),
  );
  return variants.flat();
}

/** The tables that hold a rule or a chain of their own in the output of iptables-save. */
export function savedTables(saved: string): string[] {
  const tables = saved.split(/^\*/m).slice(1);
  return tables.filter((text) => /^(?:-A|:\S+ -) ?/m.test(text)).map((text) => text.slice(0, text.search(/\s/)));
}

/** Reports one after another, each under a header that names its command. */
export function renderReports(reports: readonly ToolReport[]): string {
  return reports.map(({ command, output }) => `### ${command}\n${output.trimEnd()}\n`).join('\n');
}

function toolRunner(scratch: string, signal: AbortSignal): RunTool {
  let count = 0;
  return async (command, argv) => {
    count += 1;
    const result = await execa(command, argv, {
      reject: false,
      stdin: 'ignore',
      timeout: TOOL_TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
      cancelSignal: signal,
      extendEnv: false,
      env: {
        ...toolEnv(),
        // The default is on a read-only file system in the pod; one for each command, for they run side by side.
        XTABLES_LOCKFILE: join(scratch, `xtables-${count}.lock`),
      },
    });
    const ending = result.failed ? `\n[failed: ${result.shortMessage}]` : '';
    const said = result.stderr === '' ? '' : `\n[stderr] ${result.stderr}`;
    return { command: [command, ...argv].join(' '), output: `${result.stdout}${said}${ending}`, ok: !result.failed };
  };
}
