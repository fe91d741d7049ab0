import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { load } from 'js-yaml';

/** The project's folder. */
export const root = resolve(import.meta.dirname, '../..');
/** What `make release` has made. */
export const folder = join(root, 'dist/release');

/** The parts of Krew's manifest that tests look at. */
export interface KrewManifest {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly version: string; readonly platforms: readonly KrewPlatform[] };
}

export interface KrewPlatform {
  readonly selector: { readonly matchLabels: { readonly os: string; readonly arch: string } };
  readonly uri: string;
  readonly sha256: string;
  readonly files: readonly { readonly from: string }[];
  readonly bin: string;
}

/** Krew's manifest of the release. */
export function readManifest(): KrewManifest {
  return load(readFileSync(join(folder, 'krew-manifest.yaml'), 'utf8')) as KrewManifest;
}

/** The name of the archive of a platform. */
export function archiveOf({ uri }: KrewPlatform): string {
  return uri.slice(uri.lastIndexOf('/') + 1);
}

/** Unpacks an archive with this machine's own tools, below `parent`; returns where. */
export function unpack(archive: string, parent = tmpdir()): string {
  const target = mkdtempSync(join(parent, 'unpacked-'));
  const path = join(folder, archive);
  if (archive.endsWith('.zip')) execFileSync('python3', ['-m', 'zipfile', '-e', path, target]);
  else execFileSync('tar', ['-xzf', path, '-C', target]);
  return target;
}
