import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blobFile, type OciImage, type OciIndex, unpackImage, unpackOciArchive } from './oci.ts';

/** The platforms of the capture image. */
export const imagePlatforms = ['linux/amd64', 'linux/arm64'] as const;
/** The limit of an image as it travels, in bytes. */
export const LARGEST_IMAGE = 110e6;
/** Where the image has its program, without the first slash. */
const PROGRAM = 'usr/local/bin/kubectl-retina';

/** The image's archive of a version. */
export function imageArchive(version: string): string {
  return `kubectl-retina-capture_v${version}_linux.oci.tar`;
}

/** How an image's platform is spelled. */
export function platformOf({ platform: { os, architecture } }: OciImage): string {
  return `${os}/${architecture}`;
}

/** The bytes of an image's layers, as they travel. */
export function imageBytes({ layers }: OciImage): number {
  return layers.reduce((total, { size }) => total + size, 0);
}

/** Digests that are not those of their blobs. */
function wrongBlobs(layout: string, index: OciIndex): string[] {
  const all = [index, ...index.images.flatMap((image) => [image, image.config, ...image.layers])];
  return all.flatMap(({ digest, size }) => {
    const bytes = readFileSync(blobFile(layout, digest));
    const is = createHash('sha256').update(bytes).digest('hex');
    return bytes.length === size && digest === `sha256:${is}` ? [] : [`${digest} is not that of its blob`];
  });
}

/**
 * What is wrong with the archive of the capture image. `work` is an empty folder; `programOf` tells where the release's
 * own program for a platform lies, which has to be the one in the image.
 */
export function checkImage(
  file: string,
  work: string,
  { version, programOf }: { version: string; programOf: (platform: string) => string },
): string[] {
  const layout = join(work, 'layout');
  const index = unpackOciArchive(file, layout);
  const platforms = index.images.map(platformOf).sort();
  const problems = index.images.flatMap((image) => {
    const platform = platformOf(image);
    const root = join(work, platform);
    unpackImage(layout, image, root, [PROGRAM]);
    const ours = programOf(platform);
    const same = existsSync(ours) && readFileSync(ours).equals(readFileSync(join(root, PROGRAM)));
    return [
      ...(same ? [] : [`the program for ${platform} is not that of the release`]),
      ...(imageBytes(image) <= LARGEST_IMAGE ? [] : [`${platform} is over ${LARGEST_IMAGE / 1e6} MB`]),
    ];
  });
  return [
    ...(index.tag === `v${version}` ? [] : [`it is tagged ${index.tag}`]),
    ...(platforms.join() === imagePlatforms.join() ? [] : [`it is for ${platforms.join(', ')}`]),
    ...wrongBlobs(layout, index),
    ...problems,
  ];
}
