import { createHash } from 'node:crypto';
import type { Delivery } from '../capture/workload-spec.ts';
import { messageOf } from '../errors.ts';
import type { Upload, Uploader } from '../upload/uploader.ts';
import type { LateHead } from './bundle.ts';
import { type Branch, forEach, pump, put } from './pump.ts';

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

/** A tarball whose beginning comes last; `leftBehind` is told the location of a destination that the others no longer wait for. */
export type Late = LateHead & { leftBehind(location: string): void };

/**
 * Sends the same bytes to every destination. One that fails does not stop the others, nor does one that is slow keep those
 * from the end whose head comes late; never rejects.
 */
export async function deliver(
  source: AsyncIterable<Uint8Array>,
  uploaders: readonly Uploader[],
  late?: Late,
): Promise<Delivered> {
  const branches = uploaders.map(
    (uploader): Branch => ({ uploader, upload: null, error: undefined, taken: { chunks: 0, bytes: 0 } }),
  );
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
  try {
    const bytes = await pump(source, branches, { seen: (chunk) => hash.update(chunk) });
    if (bytes === null) return null;
    await commit(branches);
    return { bytes, sha256: hash.digest('hex') };
  } catch (error) {
    await refuse(branches, error);
    return null;
  }
}

/** The first bytes, and how many follow. */
type Whole = { head: Buffer; bytes: number };

/** A hash goes from the beginning to the end: it can only begin when all else is sent, so the bytes are read once more. */
async function sendHeadLast(
  source: AsyncIterable<Uint8Array>,
  branches: readonly Branch[],
  late: Late,
): Promise<Sent | null> {
  const whole = Promise.withResolvers<Whole | null>();
  const behind = new Map<Branch, Promise<void>>();
  const leave = (branch: Branch): void => {
    late.leftBehind(branch.uploader.location);
    behind.set(branch, catchUp(branch, late, whole.promise));
  };
  try {
    const bytes = await pump(source, branches, { lagging: { ended: late.ended, leave } });
    const head = bytes === null ? null : await late.head();
    if (bytes === null || head === null) return null;
    if (head.length !== late.bytes) throw new Error(`${late.bytes} bytes were kept for a header of ${head.length}`);
    const hash = hashAgain(head, bytes, branches, late);
    whole.resolve({ head, bytes });
    const inTime = branches.filter((branch) => !behind.has(branch));
    // None is left alone: what is under way would else be undone while it is being finished.
    const [found] = await Promise.allSettled([hash, commit(inTime, head), ...behind.values()]);
    if (found.status === 'fulfilled') return { bytes: head.length + bytes, sha256: found.value };
    for (const branch of branches) {
      branch.error ??= `what lies in ${branch.uploader.location} may be damaged: ${messageOf(found.reason)}`;
      branch.upload = null;
    }
    return null;
  } catch (error) {
    await refuse(branches, error);
    return null;
  } finally {
    whole.resolve(null);
    await Promise.all(behind.values());
  }
}

/** Sends the rest to one that the others did not wait for, once they are done: two streams at once would take the memory of two. */
function catchUp(branch: Branch, late: Late, whole: Promise<Whole | null>): Promise<void> {
  return forEach([branch], async () => {
    const told = await whole;
    if (told === null) return;
    for await (const chunk of late.again({ from: branch.taken.chunks, atOnce: 1 })) await put(branch, chunk);
    if (branch.taken.bytes !== told.bytes)
      throw new Error('the tarball could not be built: its bytes are not the same again');
    await branch.upload?.commit(told.head);
  });
}

function commit(branches: readonly Branch[], head?: Buffer): Promise<void> {
  return forEach(branches, async (branch) => branch.upload?.commit(head));
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
