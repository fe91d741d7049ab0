import * as z from 'zod/mini';
import { DOWNLOAD_MOUNT } from './download-job.ts';

/** A tarball on a node. The name comes from the node and becomes a file here: nothing but a plain file name passes. */
const nodeFile = z.object({
  name: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.tar\.gz$/), z.maxLength(255)),
  bytes: z.number().check(z.int(), z.nonnegative()),
  /** Null where no sound result lies beside it: anyone may have put one there. */
  sha256: z.catch(z.nullable(z.string().check(z.regex(/^[0-9a-f]{64}$/))), null),
});

/** What an unfinished capture has left; made into a tarball while it is read. */
const partialFile = z.object({
  ...nodeFile.shape,
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  packets: z.number(),
});

const digest = z.object({ bytes: z.number().check(z.int(), z.nonnegative()), sha256: z.string() });

export type NodeFile = z.infer<typeof nodeFile>;
export type PartialTarball = z.infer<typeof partialFile>;

const CONTAINER_PROGRAM = '/usr/local/bin/kubectl-retina';

/** Whether a name that a node or a pod told can be that of a tarball here. */
export function isTarballName(name: string): boolean {
  return nodeFile.shape.name.safeParse(name).success;
}

/**
 * Reads what the pod's `node-files find` printed; throws an Error when it is something else. A file with a name that
 * this program never gives is left out: it must not keep the others from being fetched.
 */
export function decodeNodeFiles(text: string): NodeFile[] {
  const found = z.array(z.unknown()).parse(JSON.parse(text));
  return found.flatMap((file) => {
    const parsed = nodeFile.safeParse(file);
    return parsed.success ? [parsed.data] : [];
  });
}

/** Reads what `node-files find-partial` printed; throws an Error when it is something else. */
export function decodePartials(text: string): PartialTarball[] {
  return z.array(partialFile).parse(JSON.parse(text));
}

/** Reads what `node-files sha256` printed. */
export function decodeDigest(text: string): { bytes: number; sha256: string } {
  return digest.parse(JSON.parse(text));
}

/** The commands that a download pod knows, as argument lists for exec. */
export const nodeFilesCommand = {
  find: (capture: string, node: string) => command('find', DOWNLOAD_MOUNT, capture, node),
  sha256: (name: string) => command('sha256', `${DOWNLOAD_MOUNT}/${name}`),
  read: (name: string, offset: number) => command('read', `${DOWNLOAD_MOUNT}/${name}`, String(offset)),
  findPartial: (capture: string, node: string) => command('find-partial', DOWNLOAD_MOUNT, capture, node),
  readPartial: (name: string, offset: number) => command('read-partial', `${DOWNLOAD_MOUNT}/${name}`, String(offset)),
} as const;

function command(...args: readonly string[]): readonly string[] {
  return [CONTAINER_PROGRAM, 'node-files', ...args];
}
