import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Descriptor {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  /** Bytes, as they travel. */
  readonly size: number;
}

/** An image of an index. */
export interface OciImage extends Descriptor {
  readonly platform: { readonly os: string; readonly architecture: string };
  readonly config: Descriptor;
  /** From the bottom up. */
  readonly layers: readonly Descriptor[];
  readonly entrypoint: readonly string[];
}

/** The one index of an OCI archive. */
export interface OciIndex extends Descriptor {
  readonly tag: string;
  readonly images: readonly OciImage[];
}

/** The file of a layout that holds a blob. */
export function blobFile(layout: string, digest: string): string {
  return join(layout, 'blobs', digest.replace(':', '/'));
}

/** Unpacks an OCI archive of one image for several platforms to `layout`, and reads what it says of itself. */
export function unpackOciArchive(archive: string, layout: string): OciIndex {
  mkdirSync(layout, { recursive: true });
  execFileSync('tar', ['-xf', archive, '-C', layout], { stdio: 'ignore' });
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
  const blob = ({ digest }: Descriptor) => read(blobFile(layout, digest));
  const [top] = read(join(layout, 'index.json')).manifests;
  const images = blob(top).manifests.map((descriptor: Descriptor & Pick<OciImage, 'platform'>) => {
    const { layers, config } = blob(descriptor);
    return { ...descriptor, layers, config, entrypoint: blob(config).config.Entrypoint };
  });
  return { ...top, tag: top.annotations['org.opencontainers.image.ref.name'], images };
}

/**
 * Lays the layers of an image over each other in `root`, or only these files of the top one. What a
 * layer removes (marks `.wh.NAME`: caches of apt) stays.
 */
export function unpackImage(layout: string, { layers }: OciImage, root: string, files: readonly string[] = []): void {
  mkdirSync(root, { recursive: true });
  const wanted = files.length > 0 ? layers.slice(-1) : layers;
  for (const { digest } of wanted) execFileSync('tar', ['-xzf', blobFile(layout, digest), '-C', root, ...files]);
}
