import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { create } from 'tar';
import type { Target } from '../build/targets.ts';
import { renderNotices, renderSbom } from './papers.ts';

/** The date of all files in the archives: the same files make the same archive. */
const date = new Date('2000-01-01T00:00:00Z');

/** An archive of a release. */
export interface Archive {
  readonly target: Target;
  /** As Kubernetes and Krew spell it. */
  readonly os: 'linux' | 'darwin' | 'windows';
  readonly arch: 'amd64' | 'arm64';
  /** Its name, without a folder. */
  readonly file: string;
  /** Its files, in their order. */
  readonly contents: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
}

const osNames = { linux: 'linux', macos: 'darwin', win: 'windows' } as const;
const archNames = { x64: 'amd64', arm64: 'arm64' } as const;

/** Fills `stage` with the files of a platform's archive; returns their names. */
function stageFiles(root: string, target: Target, stage: string): string[] {
  const windows = target.platform === 'win';
  const program = windows ? 'kubectl-retina.exe' : 'kubectl-retina';
  const place = (name: string, mode: number, fill: (path: string) => void) => {
    const path = join(stage, name);
    fill(path);
    chmodSync(path, mode);
    utimesSync(path, date, date);
    return name;
  };
  const copy = (from: string) => (path: string) => copyFileSync(join(root, from), path);
  const write = (text: string) => (path: string) => writeFileSync(path, text);
  const completer = 'kubectl_complete-retina'; // a shell script
  const completes = !windows && existsSync(join(root, 'dist', completer));
  return [
    place(program, 0o755, copy(target.output)),
    ...(completes ? [place(completer, 0o755, copy(`dist/${completer}`))] : []),
    place('LICENSE', 0o644, copy('LICENSE')),
    place('THIRD-PARTY-NOTICES.txt', 0o644, write(renderNotices(root, target))),
    place('sbom.cdx.json', 0o644, write(renderSbom(root, target))),
  ];
}

/** Makes a platform's archive in `folder`: a zip for Windows, else a tar.gz. */
export async function makeArchive(root: string, target: Target, folder: string, version: string): Promise<Archive> {
  const [os, arch] = [osNames[target.platform], archNames[target.arch]];
  const file = join(folder, `kubectl-retina_v${version}_${os}_${arch}.${os === 'windows' ? 'zip' : 'tar.gz'}`);
  const stage = join(folder, `.stage-${target.name}`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  rmSync(file, { force: true });
  try {
    const contents = stageFiles(root, target, stage);
    // zip keeps the local time of files.
    const env = { ...process.env, TZ: 'UTC' };
    if (os === 'windows') execFileSync('zip', ['-q', '-9', '-X', file, ...contents], { cwd: stage, env });
    // portable: neither owners nor times of access.
    else await create({ cwd: stage, file, portable: true, mtime: date, gzip: { level: 9 } }, contents);
    const data = readFileSync(file);
    const sha256 = createHash('sha256').update(data).digest('hex');
    return { target, os, arch, file: basename(file), contents, bytes: data.length, sha256 };
  } finally {
    rmSync(stage, { recursive: true });
  }
}
