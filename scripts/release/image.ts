import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unpackOciArchive } from './oci.ts';
import { imageArchive, imageBytes, imagePlatforms, platformOf } from './verify-image.ts';

/** Builds the capture image for each processor, puts its archive into dist/release; returns its compressed bytes by platform. */
export function makeImageArchive(root: string, version: string): ReadonlyMap<string, number> {
  const run = (script: string, ...args: string[]) =>
    execFileSync(join(root, script), args, { cwd: root, stdio: 'inherit' });
  for (const platform of imagePlatforms) run('scripts/image', platform.replace('linux/', ''));
  run('scripts/image-archive');
  const layout = mkdtempSync(join(root, 'dist/.image-'));
  try {
    const { images } = unpackOciArchive(join(root, 'dist/release', imageArchive(version)), layout);
    return new Map(images.map((image) => [platformOf(image), imageBytes(image)]));
  } finally {
    rmSync(layout, { recursive: true });
  }
}
