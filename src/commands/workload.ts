import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  decodeSpec,
  encodeResult,
  PODINFO_DIRECTORY,
  PODINFO_SPEC,
  PODINFO_START,
  PODINFO_STOP,
  READY_FILE,
  STOP_DISCARD,
  STOP_KEEP,
  TERMINATION_MESSAGE_PATH,
} from '../capture/workload-spec.ts';
import { messageOf } from '../errors.ts';
import { runWorkload } from '../workload/run.ts';
import { endFile, isThere } from './end-workload.ts';
import { keepHeapSmall } from './small-heap.ts';

/** Milliseconds between looks at the stop file. */
const POLL = 100;

/** `workload`, hidden: what a capture's pod runs. The result goes into the termination message. */
export async function workload(io: {
  signal: AbortSignal;
  now: () => Date;
  log: (line: string) => void;
}): Promise<number> {
  keepHeapSmall();
  const spec = decodeSpec(await readFile(join(PODINFO_DIRECTORY, PODINFO_SPEC), 'utf8'));
  const ending = endFile(spec);
  const stop = new AbortController();
  const told = (name: string): Promise<string> => readFile(join(PODINFO_DIRECTORY, name), 'utf8').catch(() => '');
  const look = async (): Promise<void> => {
    const word = await told(PODINFO_STOP);
    if (word === STOP_KEEP) stop.abort('requested');
    if (word === STOP_DISCARD) stop.abort('discard');
    if (spec.tool === 'pktmon' && (await isThere(ending))) stop.abort('terminated');
  };
  // Whoever takes a capture back says so before its pod is ended: the first word counts, so it is looked for first.
  const ended = (): void => void look().then(() => stop.abort('terminated'));
  if (io.signal.aborted) ended();
  else io.signal.addEventListener('abort', ended, { once: true });
  await look();
  // Polled, not watched: a node may have no inotify instances left, and ten reads a second cost nothing.
  const timer = setInterval(look, POLL);
  try {
    const outcome = await runWorkload(spec, {
      ...{ stop: stop.signal, now: io.now, log: io.log },
      ready: async () => {
        // Pods of Windows have no probe that looks for it. Without the file, a capture only seems to be starting.
        if (spec.tool === 'tcpdump') await writeFile(READY_FILE, '').catch((error) => io.log(messageOf(error)));
      },
      word: async () => {
        const at = new Date(await told(PODINFO_START));
        return Number.isNaN(at.getTime()) ? undefined : at;
      },
    });
    if (outcome.kind === 'discarded') {
      io.log('discarded, as the client asked');
      return 1;
    }
    const { result } = outcome;
    await writeFile(TERMINATION_MESSAGE_PATH, encodeResult(result));
    return result.errors.length === 0 && result.destinations.every((to) => to.ok) ? 0 : 1;
  } finally {
    clearInterval(timer);
    // Whoever has told that the pod ends waits for that.
    if (spec.tool === 'pktmon') await rm(ending, { force: true });
  }
}
