import { createHash } from 'node:crypto';
import type { Delivery } from '../capture/workload-spec.ts';
import { messageOf } from '../errors.ts';
import type { Upload, Uploader } from '../upload/uploader.ts';
import type { LateHead } from './bundle.ts';

/** Bytes and SHA-256 (hex) of what was sent. */
export type Sent = { bytes: number; sha256: string };

/** What became of a delivery: `sent` is null when no destination has it. */
export type Delivered = {
  sent: Sent | null;
  deliveries: Delivery[];
  /** What failed. */
  errors: string[];
  /** Puts the result beside each tarball that was delivered; the answer is what went wrong. */
  putResults(text: string, except?: Delivery['kind']): Promise<string[]>;
  /** Has each destination that took the tarball tell what it holds; the answer is what could not be confirmed. */
  confirm(except?: Delivery['kind']): Promise<string[]>;
};

/** One destination's state; `upload` is null once it has failed. */
type Branch = { uploader: Uploader; upload: Upload | null; error: string | undefined };

/** Sends the same bytes to every destination. One that fails does not stop the others; never rejects. */
export async function deliver(
  source: AsyncIterable<Uint8Array>,
  uploaders: readonly Uploader[],
  late?: LateHead,
): Promise<Delivered> {
  const branches: Branch[] = uploaders.map((uploader) => ({ uploader, upload: null, error: undefined }));
  await forEach(branches, async (branch) => {
    branch.upload = await branch.uploader.open(late?.bytes);
  });
  const sent = late === undefined ? await sendInOrder(source, branches) : await sendHeadLast(source, branches, late);
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
    putResults: (text, except) =>
      ofEach(branches, except, async (upload) => upload.putResult(text, sent?.sha256 ?? '')),
    confirm: async (except) =>
      sent === null ? ['there is no tarball'] : ofEach(branches, except, (upload) => upload.confirm(sent)),
  };
}

/** Does something at every destination that took the tarball; the answer is what went wrong. */
async function ofEach(
  branches: readonly Branch[],
  except: Delivery['kind'] | undefined,
  step: (upload: Upload) => Promise<void>,
): Promise<string[]> {
  const chosen = branches.flatMap(({ uploader, upload }) => (upload && uploader.kind !== except ? [upload] : []));
  const outcomes = await Promise.allSettled(chosen.map(step));
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [messageOf(outcome.reason)] : []));
}

async function sendInOrder(source: AsyncIterable<Uint8Array>, branches: readonly Branch[]): Promise<Sent | null> {
  const hash = createHash('sha256');
  const bytes = await send(source, branches, (chunk) => hash.update(chunk));
  if (bytes === null) return null;
  await commit(branches);
  return { bytes, sha256: hash.digest('hex') };
}

/** A hash goes from the beginning to the end: it can only begin when all else is sent, so the bytes are read once more. */
async function sendHeadLast(
  source: AsyncIterable<Uint8Array>,
  branches: readonly Branch[],
  late: LateHead,
): Promise<Sent | null> {
  const bytes = await send(source, branches);
  if (bytes === null) return null;
  try {
    const head = await late.head();
    if (head.length !== late.bytes) throw new Error(`${late.bytes} bytes were kept for a header of ${head.length}`);
    const hash = hashAgain(head, bytes, branches, late);
    // Neither is left alone: what is under way would else be undone while it is being finished.
    const [found] = await Promise.allSettled([hash, commit(branches, head)]);
    if (found.status === 'fulfilled') return { bytes: head.length + bytes, sha256: found.value };
    for (const branch of branches) {
      branch.error ??= `what lies in ${branch.uploader.location} may be damaged: ${messageOf(found.reason)}`;
      branch.upload = null;
    }
    return null;
  } catch (error) {
    await refuse(branches, error);
    return null;
  }
}

function commit(branches: readonly Branch[], head?: Buffer): Promise<void> {
  return forEach(branches, async (branch) => branch.upload?.commit(head));
}

/** Pumps the source into every open upload, at the pace of the slowest; null when the source failed. */
async function send(
  source: AsyncIterable<Uint8Array>,
  branches: readonly Branch[],
  seen?: (chunk: Uint8Array) => void,
): Promise<number | null> {
  let bytes = 0;
  try {
    for await (const chunk of source) {
      if (branches.every(({ upload }) => upload === null)) return null;
      const written = forEach(branches, async (branch) => branch.upload?.write(chunk));
      seen?.(chunk);
      bytes += chunk.length;
      await written;
    }
    return bytes;
  } catch (error) {
    await refuse(branches, error);
    return null;
  }
}

function refuse(branches: readonly Branch[], error: unknown): Promise<void> {
  return forEach(branches, () => Promise.reject(new Error(`the tarball could not be built: ${messageOf(error)}`)));
}

/** SHA-256 of the whole: of the bytes that lie at a destination, or of the same made once more. */
async function hashAgain(head: Buffer, bytes: number, branches: readonly Branch[], late: LateHead): Promise<string> {
  const readable = branches.find(({ upload }) => upload?.readBack !== undefined);
  const lying = await readable?.upload?.readBack?.().catch(() => undefined);
  for (const source of lying === undefined ? [late.again()] : [lying, late.again()]) {
    const hash = createHash('sha256').update(head);
    let read = 0;
    try {
      for await (const chunk of source) {
        hash.update(chunk);
        read += chunk.length;
      }
    } catch (error) {
      if (source !== lying) throw error;
      continue;
    }
    if (read === bytes) return hash.digest('hex');
  }
  throw new Error('its bytes are not the same when they are read again');
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
        const left = await branch.upload?.abort();
        if (left !== undefined) branch.error += `; ${left}`;
        branch.upload = null;
      }
    }),
  );
}
