import { execa } from 'execa';
import type { BundleEntry } from './bundle.ts';
import { renderReports, type ToolReport } from './metadata.ts';
import { toolEnv } from './tool-env.ts';

/** PowerShell alone takes a second to start, and longer on a node that is busy. */
const TOOL_TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 8 << 20;

/**
 * The files below `metadata/`, each with what is asked for it. The cmdlets are those of
 * https://learn.microsoft.com/powershell/module/nettcpip and its neighbours, and of HNS on nodes with containers.
 */
const FILES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'addresses.txt': [cmdlet('Get-NetAdapter -IncludeHidden'), cmdlet('Get-NetIPAddress'), ['ipconfig', '/all']],
  'firewall.txt': [netsh('advfirewall show allprofiles'), netsh('advfirewall firewall show rule name=all')],
  'hns.txt': [cmdlet('Get-HnsNetwork'), cmdlet('Get-HnsEndpoint'), cmdlet('Get-HnsPolicyList')],
  'interfaces.txt': [netsh('interface ipv4 show interfaces'), netsh('interface ipv6 show interfaces')],
  'neighbors.txt': [cmdlet('Get-NetNeighbor')],
  'proxies.txt': [netsh('interface portproxy show all'), netsh('winhttp show proxy')],
  'routes.txt': [cmdlet('Get-NetRoute')],
  'sockets.txt': [cmdlet('Get-NetTCPConnection'), cmdlet('Get-NetUDPEndpoint')],
  'statistics.txt': [cmdlet('Get-NetAdapterStatistics'), ['netstat', '-s']],
};

/**
 * Reads the state of a Windows node's network into entries below `metadata/`, or `<folder>/metadata/`. A tool that is
 * missing or fails is recorded in its file.
 */
export async function collectWindowsMetadata(
  folder: string,
  _scratch: string,
  signal: AbortSignal,
): Promise<BundleEntry[]> {
  const below = folder === '' ? 'metadata' : `${folder}/metadata`;
  return Promise.all(
    Object.entries(FILES).map(async ([name, commands]) => {
      const reports: ToolReport[] = [];
      // One after another: what PowerShell starts up with would else be taken from the capture many times at once.
      for (const command of commands) reports.push(await report(command, signal));
      return { name: `${below}/${name}`, content: Buffer.from(renderReports(reports)) };
    }),
  );
}

/** A fixed script: nothing of the order is ever part of it. */
function cmdlet(name: string): string[] {
  return ['powershell', '-NoProfile', '-NonInteractive', '-Command', `${name} | Format-List -Property *`];
}

function netsh(line: string): string[] {
  return ['netsh', ...line.split(' ')];
}

async function report([command = '', ...argv]: readonly string[], signal: AbortSignal): Promise<ToolReport> {
  const result = await execa(command, argv, {
    reject: false,
    stdin: 'ignore',
    all: true,
    timeout: TOOL_TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    cancelSignal: signal,
    extendEnv: false,
    env: toolEnv(),
  });
  const ending = result.failed ? `\n[failed: ${result.shortMessage}]` : '';
  return { command: [command, ...argv].join(' '), output: `${result.all ?? ''}${ending}`, ok: !result.failed };
}
