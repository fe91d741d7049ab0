import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Wall time of a whole process in milliseconds; throws when it fails. */
export function wallTime(command: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(performance.now() - start) : reject(new Error(`${command} ${args.join(' ')}: ${code}`)),
    );
  });
}

/** The peak resident set of a running process so far, in MiB; NaN when it has ended. */
export function peakRss(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Wall time of a whole process in milliseconds, and the most memory that it and its children had, in MiB. */
export async function timeAndPeak(command: string, args: readonly string[]): Promise<{ time: number; peak: number }> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const peak = watchPeak(child.pid ?? 0);
  const code = await ended;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code}`);
  return { time: performance.now() - start, peak: peak() };
}

/** Looks at the memory of a process and its children until the answer is called for: the most that all had, in MiB. */
export function watchPeak(pid: number): () => number {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOfAll(pid));
  }, 20);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

function peakOfAll(pid: number): number {
  let children: string[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  } catch {
    // It has ended.
  }
  return children.reduce((sum, child) => sum + peakOfAll(Number(child)), peakRss(pid) || 0);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
