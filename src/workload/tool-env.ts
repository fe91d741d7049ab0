import { delimiter } from 'node:path';

/** The whole environment of the tools we run: their output is parsed, so it must not depend on the user's language. */
export function toolEnv(): { PATH: string; LC_ALL: string } {
  // Users without root often lack the sbin directories, where tcpdump lies. An empty part would mean this directory.
  const inherited = process.env.PATH === undefined || process.env.PATH === '' ? [] : [process.env.PATH];
  return { PATH: [...inherited, ...systemDirectories()].join(delimiter), LC_ALL: 'C' };
}

/** Containers on Windows may come without PowerShell's own in PATH. */
function systemDirectories(): string[] {
  if (process.platform !== 'win32') return ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const system = `${process.env.SystemRoot ?? 'C:\\Windows'}\\System32`;
  return [system, `${system}\\WindowsPowerShell\\v1.0`];
}
