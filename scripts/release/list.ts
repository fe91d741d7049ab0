import type { Target } from '../build/targets.ts';

/** What the archive of a platform is called and holds, before it is made. */
export interface ArchiveListing {
  /** As Kubernetes and Krew spell it. */
  readonly os: 'linux' | 'darwin' | 'windows';
  readonly arch: 'amd64' | 'arm64';
  /** Its name, without a folder. */
  readonly file: string;
  /** The program in it. */
  readonly program: string;
  /** Its files, in their order. */
  readonly contents: readonly string[];
}

/** What makes kubectl complete: a shell script, in the archives of systems that have a shell for it. */
export const completer = 'kubectl_complete-retina';

const osNames = { linux: 'linux', macos: 'darwin', win: 'windows' } as const;
const archNames = { x64: 'amd64', arm64: 'arm64' } as const;

/** The listing of a platform's archive: a zip for Windows, else a tar.gz. */
export function listArchive(target: Target, version: string): ArchiveListing {
  const [os, arch] = [osNames[target.platform], archNames[target.arch]];
  const windows = os === 'windows';
  const program = windows ? 'kubectl-retina.exe' : 'kubectl-retina';
  return {
    ...{ os, arch, program },
    file: `kubectl-retina_v${version}_${os}_${arch}.${windows ? 'zip' : 'tar.gz'}`,
    contents: [program, ...(windows ? [] : [completer]), 'LICENSE', 'THIRD-PARTY-NOTICES.txt', 'sbom.cdx.json'],
  };
}
