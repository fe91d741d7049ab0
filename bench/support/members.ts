import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { median, say, wallTime } from './measure.ts';
import { payload } from './payload.ts';

const MEGABYTES = 400;
const ROUNDS = 3;

/** How fast a bundle is made of a file in memory, with and without its SHA-256, beside pigz -1 of the same file. */
export async function measureMembers(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'retina-bench-'));
  const file = join(directory, 'payload');
  try {
    for (const kind of ['random', 'text'] as const) {
      await writeFile(file, payload(kind, MEGABYTES * 1e6));
      const runs = { alone: () => bundled(file), hashed: () => bundled(file, 'hashed'), pigz: () => pigz(file) };
      const speeds = { alone: [] as number[], hashed: [] as number[], pigz: [] as number[] };
      for (let round = -1; round < ROUNDS; round += 1) {
        for (const name of ['alone', 'hashed', 'pigz'] as const) {
          const speed = await runs[name]();
          if (round >= 0) speeds[name].push(speed); // The first is a warm-up.
        }
      }
      const base = median(speeds.pigz);
      const told = [speeds.alone, speeds.hashed].map((values) => {
        const speed = median(values);
        return `${speed.toFixed(0)} MB/s (${(speed / base).toFixed(2)} of pigz -1)`;
      });
      say(
        `a bundle of ${kind}: ${told[0]}; with SHA-256 ${told[1]}; pigz -1: ${base.toFixed(0)} MB/s (medians of ${ROUNDS})`,
      );
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function bundled(file: string, ...hashed: readonly string[]): Promise<number> {
  const script = join(import.meta.dirname, 'bundled.ts');
  const { stdout } = await execa(process.execPath, [script, file, ...hashed]);
  return MEGABYTES / Number(stdout);
}

async function pigz(file: string): Promise<number> {
  return (MEGABYTES / (await wallTime('pigz', ['-1', '-k', '-f', file]))) * 1e3;
}
