import * as z from 'zod/mini';
import { DOWNLOAD_MOUNT } from './download-job.ts';

/** A tarball on a node. The name comes from the node and becomes a file here: nothing but a plain file name passes. */
const nodeFile = z.object({
  name: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.tar\.gz$/), z.maxLength(255)),
  bytes: z.number().check(z.int(), z.nonnegative()),
  /** Null where no sound result lies beside it: anyone may have put one there. */
  sha256: z.catch(z.nullable(z.string().check(z.regex(/^[0-9a-f]{64}$/))), null),
});

const digest = z.object({ bytes: z.number().check(z.int(), z.nonnegative()), sha256: z.string() });

export type NodeFile = z.infer<typeof nodeFile>;

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

/** Reads what `node-files sha256` printed. */
export function decodeDigest(text: string): { bytes: number; sha256: string } {
  return digest.parse(JSON.parse(text));
}

/** The commands that a download pod knows, as argument lists for exec. */
export const nodeFilesCommand = {
  find: (capture: string, node: string): readonly string[] => [
    CONTAINER_PROGRAM,
    'node-files',
    'find',
    DOWNLOAD_MOUNT,
    capture,
    node,
  ],
  sha256: (name: string): readonly string[] => [CONTAINER_PROGRAM, 'node-files', 'sha256', `${DOWNLOAD_MOUNT}/${name}`],
  read: (name: string, offset: number): readonly string[] => [
    CONTAINER_PROGRAM,
    'node-files',
    'read',
    `${DOWNLOAD_MOUNT}/${name}`,
    String(offset),
  ],
} as const;
