/** The emulated pktmon: built once, with a state of its own for each test. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Flow = { from: string; to: string; fromPort: number; toPort: number };

/** What goes on on the node, and what goes wrong there. */
export type Behaviour = {
  /** What the command of that name says while it fails. */
  fail?: Readonly<Record<string, string>>;
  /** Events lost. */
  lost?: number;
  /** Packets that a component dropped, one of them outbound. */
  dropped?: number;
  flows?: readonly Flow[];
  /** Bytes. */
  payload?: number;
  /** Packets of each flow in 10 ms. */
  perTick?: number;
  /** Milliseconds that a start takes. */
  startMs?: number;
};

/** What is on the emulated node. */
export type PktmonState = {
  Filters: readonly { Name: string; IPs: readonly string[] | null; Ports: readonly number[] | null }[] | null;
  Running: boolean;
  File: string;
  PktSize: number;
  SizeMB: number;
  Mode: string;
  /** Command lines in their order. */
  Commands: readonly string[];
};

/** Why the emulated pktmon cannot be built here, or undefined. */
export function emulatorProblem(): string | undefined {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs Go';
  }
}

/** Builds the emulated pktmon for a system of Go's; `remove` takes it away. */
export function buildEmulator(goos: 'linux' | 'windows'): { program: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'retina-pktmon-'));
  const program = join(directory, goos === 'windows' ? 'pktmon.exe' : 'pktmon');
  const env = { ...process.env, GOOS: goos, GOARCH: 'amd64', CGO_ENABLED: '0', GO111MODULE: 'off' };
  execFileSync('go', ['build', '-o', program], { env, cwd: join(import.meta.dirname, 'pktmon') });
  return { program, remove: () => rmSync(directory, { recursive: true }) };
}

/** Puts an emulated pktmon into a directory. */
export function installEmulator(program: string, directory: string, behaviour: Behaviour = {}): void {
  copyFileSync(program, join(directory, program.endsWith('.exe') ? 'pktmon.exe' : 'pktmon'));
  behave(directory, behaviour);
}

/** What goes on from now on at the emulated pktmon in a directory. */
export function behave(directory: string, behaviour: Behaviour): void {
  writeFileSync(join(directory, 'behaviour.json'), JSON.stringify(behaviour));
}

/** What is on the node of the emulated pktmon in a directory. */
export function stateIn(directory: string): PktmonState {
  return JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8'));
}
