import { readdirSync, readFileSync } from 'node:fs';

/** A process as anyone with root on its node sees it. */
export type Process = { pid: number; command: string; environment: string; cgroup: string };

/** All processes of this machine, which are those of the nodes too. */
export function processes(): Process[] {
  const read = (pid: string, file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [command, environment, cgroup] = [read(pid, 'cmdline'), read(pid, 'environ'), read(pid, 'cgroup')];
        return [{ pid: Number(pid), command, environment, cgroup }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}
