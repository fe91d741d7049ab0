import * as z from 'zod/mini';
import { decode, delivery, destinationSpec, nodePlace, WORKLOAD_VERSION, workloadResult } from './workload-spec.ts';

/** The file beside PODINFO_SPEC, in an upload pod. */
export const PODINFO_UPLOAD = 'upload';

/** What an upload pod is told: a tarball that lies on its node, and where it is to go. */
const uploadSpec = z.object({
  version: z.literal(WORKLOAD_VERSION),
  /** The capture's own result: the size and the SHA-256 in it are those that the tarball must have. */
  result: workloadResult,
  place: nodePlace,
  destinations: z.array(destinationSpec),
  /** Milliseconds that all of it may take. */
  timeoutMs: z.number(),
  /** Whether the copy on the node is removed once every destination has confirmed its own. */
  removeCopy: z.boolean(),
});

/** What an upload pod tells at its end, in its termination message. */
const uploadResult = z.object({
  version: z.literal(WORKLOAD_VERSION),
  destinations: z.array(delivery),
  /** Whether the copy on the node was removed. */
  removed: z.boolean(),
  errors: z.array(z.string()),
});

export type UploadSpec = z.infer<typeof uploadSpec>;
export type UploadResult = z.infer<typeof uploadResult>;

/** Reads what an upload pod is told; throws an Error that names what is wrong with it. */
export function decodeUploadSpec(text: string): UploadSpec {
  return decode(uploadSpec, text, 'upload specification');
}

/** Reads what an upload pod told; throws an Error that says what is wrong with it. */
export function decodeUploadResult(text: string): UploadResult {
  return decode(uploadResult, text, 'result of the upload');
}
