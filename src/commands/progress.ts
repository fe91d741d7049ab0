import type { CaptureSummary } from '../capture/status.ts';
import type { Deps } from '../deps.ts';
import { nodeEvent, PROGRESS_YIELDING, progressRows } from './render.ts';

const REDRAW = 1000;

/** Shows how a capture goes: a table that is redrawn on a terminal, one line for each change elsewhere. */
export async function showProgress(
  deps: Pick<Deps, 'ui' | 'now'>,
  startedAt: Date,
): Promise<{ update: (capture: CaptureSummary) => void; end: () => void }> {
  const live = await deps.ui.live();
  const told = new Map<string, string>();
  let last: CaptureSummary | undefined;
  const draw = (): void => {
    if (last === undefined) return;
    live.show(progressRows(last, deps.now().getTime() - startedAt.getTime()), PROGRESS_YIELDING);
  };
  const timer = deps.ui.interactive ? setInterval(draw, REDRAW) : undefined;
  return {
    update: (capture) => {
      last = capture;
      draw();
      for (const node of capture.nodes) {
        const line = nodeEvent(node);
        if (line === undefined || told.get(node.node) === line) continue;
        told.set(node.node, line);
        live.event(line);
      }
    },
    end: () => {
      clearInterval(timer);
      live.end();
    },
  };
}
