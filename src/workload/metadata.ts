import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { explainErrno } from '../upload/explain.ts';
import { copyProc } from './proc.ts';
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
 * Writes the state of the host's network into a directory: tools and copies of /proc, all at once. A tool that is
 * missing or fails is recorded in its file. Resolves to what could not be written.
 */
export async function collectMetadata(directory: string, scratch: string, signal: AbortSignal): Promise<string[]> {
  const run = toolRunner(scratch, signal);
  const all = (commands: readonly string[]): Promise<ToolReport[]> =>
    Promise.all(commands.map((line) => runLine(run, line)));
  const write = async (name: string, reports: Promise<readonly ToolReport[]>): Promise<void> => {
    await writeFile(join(directory, name), renderReports(await reports), { mode: 0o600 });
  };
  const proc = async (): Promise<void> => {
    const notes = await Promise.all([
      copyProc('/proc/net/', join(directory, 'proc-net'), signal),
      copyProc('/proc/sys/net/', join(directory, 'proc-sys-net'), signal),
    ]);
    await writeFile(join(directory, 'proc-errors.txt'), `${notes.flat().join('\n')}\n`, { mode: 0o600 });
  };
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    return [explainErrno(error)];
  }
  const outcomes = await Promise.allSettled([
    write('ip-resources.txt', all(IP_COMMANDS)),
    write('iptables-rules.txt', iptablesReports(run)),
    write('socket-stats.txt', all(SOCKET_COMMANDS)),
    proc(),
  ]);
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [explainErrno(outcome.reason)] : []));
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
