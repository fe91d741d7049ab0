import { createHash } from 'node:crypto';
import type { Delivery } from '../capture/workload-spec.ts';
import { messageOf } from '../errors.ts';
import type { Upload, Uploader } from '../upload/uploader.ts';

/** Bytes and SHA-256 (hex) of what was sent. */
export type Sent = { bytes: number; sha256: string };

/** What became of a delivery: `sent` is null when no destination has it. */
export type Delivered = {
  sent: Sent | null;
  deliveries: Delivery[];
  /** What failed. */
  errors: string[];
  /** Puts the result beside each tarball that was delivered; the answer is what went wrong. */
  putResults(text: string): Promise<string[]>;
};

/** One destination's state; `upload` is null once it has failed. */
type Branch = { uploader: Uploader; upload: Upload | null; error: string | undefined };

/** Sends the same bytes to every destination. One that fails does not stop the others; never rejects. */
export async function deliver(source: AsyncIterable<Uint8Array>, uploaders: readonly Uploader[]): Promise<Delivered> {
  const branches: Branch[] = uploaders.map((uploader) => ({ uploader, upload: null, error: undefined }));
  await forEach(branches, async (branch) => {
    branch.upload = await branch.uploader.open();
  });
  const sent = await send(source, branches);
  await forEach(branches, async (branch) => branch.upload?.commit());
  const deliveries = branches.map(({ uploader, upload, error }): Delivery => {
    const { kind, location } = uploader;
    return upload === null
      ? { kind, location, ok: false, error: error ?? 'not delivered' }
      : { kind, location, ok: true };
  });
  return {
    sent: deliveries.some(({ ok }) => ok) ? sent : null,
    deliveries,
    errors: deliveries.flatMap(({ error }) => error ?? []),
    putResults: async (text) => {
      const outcomes = await Promise.allSettled(
        branches.map(async ({ upload }) => upload?.putResult(text, sent?.sha256 ?? '')),
      );
      return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [messageOf(outcome.reason)] : []));
    },
  };
}

/** Pumps the source into every open upload, at the pace of the slowest; null when the source failed. */
async function send(source: AsyncIterable<Uint8Array>, branches: readonly Branch[]): Promise<Sent | null> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of source) {
      if (branches.every(({ upload }) => upload === null)) return null;
      const written = forEach(branches, async (branch) => branch.upload?.write(chunk));
      hash.update(chunk);
      bytes += chunk.length;
      await written;
    }
    return { bytes, sha256: hash.digest('hex') };
  } catch (error) {
    await forEach(branches, () => Promise.reject(new Error(`the tarball could not be built: ${messageOf(error)}`)));
    return null;
  }
}

/** Runs a step for every branch that has not failed; where it fails, the upload is undone and the reason kept. */
async function forEach(branches: readonly Branch[], step: (branch: Branch) => Promise<void>): Promise<void> {
  await Promise.all(
    branches.map(async (branch) => {
      if (branch.error !== undefined) return;
      try {
        await step(branch);
      } catch (error) {
        branch.error = messageOf(error);
        await branch.upload?.abort();
        branch.upload = null;
      }
    }),
  );
}
