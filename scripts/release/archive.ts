import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from 'tar';
import type { Target } from '../build/targets.ts';
import { type ArchiveListing, completer, listArchive } from './list.ts';
import { renderNotices, renderSbom } from './papers.ts';

/** The date of all files in the archives: the same files make the same archive. */
const date = new Date('2000-01-01T00:00:00Z');

/** An archive of a release. */
export interface Archive extends ArchiveListing {
  readonly bytes: number;
  readonly sha256: string;
}

/** Fills `stage` with the files of a platform's archive. */
function stageFiles(root: string, target: Target, stage: string, { program, contents }: ArchiveListing): void {
  const copy = (from: string) => (path: string) => copyFileSync(join(root, from), path);
  const write = (text: string) => (path: string) => writeFileSync(path, text);
  const sources: Record<string, (path: string) => void> = {
    [program]: copy(target.output),
    [completer]: copy(`dist/${completer}`),
    LICENSE: copy('LICENSE'),
    'THIRD-PARTY-NOTICES.txt': write(renderNotices(root, target)),
    'sbom.cdx.json': write(renderSbom(root, target)),
  };
  for (const name of contents) {
    const path = join(stage, name);
    const fill = sources[name];
    if (fill === undefined) throw new Error(`nothing is known to fill ${name} with`);
    fill(path);
    chmodSync(path, name === program || name === completer ? 0o755 : 0o644);
    utimesSync(path, date, date);
  }
}

/** Makes a platform's archive in `folder`: a zip for Windows, else a tar.gz. */
export async function makeArchive(root: string, target: Target, folder: string, version: string): Promise<Archive> {
  const listing = listArchive(target, version);
  const { os, contents } = listing;
  const file = join(folder, listing.file);
  const stage = join(folder, `.stage-${target.name}`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  rmSync(file, { force: true });
  try {
    stageFiles(root, target, stage, listing);
    // zip keeps the local time of files.
    const env = { ...process.env, TZ: 'UTC' };
    if (os === 'windows') execFileSync('zip', ['-q', '-9', '-X', file, ...contents], { cwd: stage, env });
    // portable: neither owners nor times of access.
    else await create({ cwd: stage, file, portable: true, mtime: date, gzip: { level: 9 } }, [...contents]);
    const data = readFileSync(file);
    const sha256 = createHash('sha256').update(data).digest('hex');
    return { ...listing, bytes: data.length, sha256 };
  } finally {
    rmSync(stage, { recursive: true });
  }
}
