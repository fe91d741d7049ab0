import { deleteCaptures } from '../capture/delete.ts';
import type { CaptureSummary } from '../capture/status.ts';
import { stopCapture } from '../capture/stop.ts';
import { waitForCapture } from '../capture/wait.ts';
import type { Deps } from '../deps.ts';
import { InterruptedError } from '../errors.ts';
import type { Cluster, Job } from '../kube/cluster.ts';
import { DEFAULT_TIMEOUT as DELETE_LIMIT, stillDeleting } from './delete.ts';
import { showProgress } from './progress.ts';
import { objectName } from './render.ts';
import { DEFAULT_TIMEOUT as STOP_LIMIT, stillStopping } from './stop.ts';

/** A capture in the cluster's namespace that is waited for, with its Jobs: at most so many milliseconds, if there is a limit. */
export type Awaited = {
  cluster: Cluster;
  name: string;
  startedAt: Date;
  jobs: readonly Job[];
  timeoutMs: number | null;
};

/** What is to become of a capture whose user does not want to wait as before. */
type Wish = 'keep' | 'stop' | 'delete';

/**
 * Waits for a capture and shows how it goes. On a terminal, the first Ctrl-C asks what is to become of it; without one,
 * and at the second, waiting ends with an InterruptedError that says how to go on.
 */
export async function waitForEnd(deps: Deps, awaited: Awaited): Promise<CaptureSummary> {
  const { cluster, name, jobs, timeoutMs } = awaited;
  const screen = await openScreen(deps, awaited.startedAt);
  const over = new AbortController();
  const signal = AbortSignal.any([deps.signal, over.signal]);
  try {
    const waiting = waitForCapture(cluster, name, { timeoutMs, jobs, signal, progress: screen.update });
    const wished = wishAtInterrupt(deps, { name, screen, signal });
    const first = await Promise.race([waiting, wished]);
    if (typeof first !== 'string') return first;
    // The wait ends with that wish, which is no fault.
    waiting.catch(() => undefined);
    over.abort();
    return await fulfil(first, deps, { awaited, screen });
  } catch (error) {
    const told = error instanceof InterruptedError && error !== deps.signal.reason;
    throw deps.signal.aborted && !told ? goesOn(awaited) : error;
  } finally {
    over.abort();
    screen.hide();
  }
}

/** The table of a capture, which makes room for a question. */
type Screen = { update(capture: CaptureSummary): void; hide(): void; show(): Promise<void> };

async function openScreen(deps: Deps, startedAt: Date): Promise<Screen> {
  let progress = await showProgress(deps, startedAt);
  let last: CaptureSummary | undefined;
  let hidden = false;
  return {
    update: (capture) => {
      last = capture;
      if (!hidden) progress.update(capture);
    },
    hide: () => {
      hidden = true;
      progress.end();
    },
    show: async () => {
      progress = await showProgress(deps, startedAt);
      hidden = false;
      if (last !== undefined) progress.update(last);
    },
  };
}

type Asking = { name: string; screen: Screen; signal: AbortSignal };

/** Asks at each Ctrl-C until the wish is another than to wait on, or the signal is aborted: then it never settles. */
function wishAtInterrupt(deps: Deps, { name, screen, signal }: Asking): Promise<Wish> {
  return new Promise((resolve, reject) => {
    const ask = async (): Promise<void> => {
      screen.hide();
      const wish = await askWish(deps, name, signal);
      if (signal.aborted) return;
      if (wish !== undefined) return resolve(wish);
      await screen.show();
      listen();
    };
    const listen = (): void => {
      const release = deps.onInterrupt(() => void ask().catch(reject));
      signal.addEventListener('abort', release, { once: true });
    };
    if (deps.ui.canAsk) listen();
  });
}

/** The letters that answer the question; Enter alone, or the end of the input, is to wait on. */
const ANSWERS = new Map<string, Wish | undefined>([
  ['', undefined],
  ['w', undefined],
  ['k', 'keep'],
  ['s', 'stop'],
  ['d', 'delete'],
]);

async function askWish({ ui }: Deps, name: string, signal: AbortSignal): Promise<Wish | undefined> {
  ui.note(`\nCapture ${name} goes on meanwhile. Ctrl-C again ends this command and leaves it so.`);
  ui.note('  w  wait on\n  k  keep it running, and wait no longer');
  ui.note('  s  stop it, and keep its files\n  d  delete it; what it has is kept on its nodes');
  for (;;) {
    const typed = await ui.ask('What now? (W/k/s/d): ', signal);
    const letter = (typed ?? '').trim().toLowerCase().slice(0, 1);
    if (ANSWERS.has(letter)) return ANSWERS.get(letter);
  }
}

type Wished = { awaited: Awaited; screen: Screen };

async function fulfil(wish: Wish, deps: Deps, { awaited, screen }: Wished): Promise<CaptureSummary> {
  const { cluster, name } = awaited;
  const { signal } = deps;
  switch (wish) {
    case 'keep':
      throw goesOn(awaited);
    case 'stop':
      await screen.show();
      try {
        const limits = { timeoutMs: STOP_LIMIT, signal, progress: screen.update };
        return (await stopCapture(cluster, name, limits)).capture;
      } catch (error) {
        throw signal.aborted ? stillStopping(name, cluster.namespace) : error;
      }
    case 'delete':
      await deleteInstead(deps, awaited);
      throw new InterruptedError(
        `capture ${name} was deleted`,
        `What it had by then is on its nodes: kubectl retina capture download ${name} -n ${cluster.namespace}`,
      );
    default:
      return wish satisfies never;
  }
}

async function deleteInstead({ ui, signal }: Deps, { cluster, name }: Awaited): Promise<void> {
  try {
    for (const removed of await deleteCaptures(cluster, [name], { timeoutMs: DELETE_LIMIT, signal })) {
      ui.note(`${objectName(removed)} deleted`);
    }
  } catch (error) {
    throw signal.aborted ? stillDeleting([name], cluster.namespace) : error;
  }
}

function goesOn({ cluster, name }: Awaited): InterruptedError {
  const rest = `${name} -n ${cluster.namespace}`;
  return new InterruptedError(
    `no longer waiting; capture ${name} goes on`,
    `End it and keep the files: kubectl retina capture stop ${rest}\n  Remove it: kubectl retina capture delete ${rest}`,
  );
}
