import type { Live, Ui } from '../deps.ts';

type Trouble = NonNullable<Parameters<Ui['trouble']>[0]>;

/** Tells what ails the API server: as lines, or as words beside a live display while that is shown. */
export type TroubleTeller = {
  trouble: Ui['trouble'];
  /** What to show beside a table; undefined when nothing ails it. */
  words(): string | undefined;
  /** The same display, which is known to be shown. */
  beside(live: Live): Live;
};

/** `note` takes a line for the beginning of trouble, and one for its end. */
export function createTroubleTeller(note: (line: string) => void): TroubleTeller {
  let trouble: Trouble | undefined;
  let shown = false;
  return {
    trouble: (now) => {
      const before = trouble;
      trouble = now;
      if (shown) return;
      if (before === undefined && now !== undefined) note(`${wordsOf(now)}; it is asked again`);
      if (before !== undefined && now === undefined) note(`the API server answers again, after ${seconds(before)}`);
    },
    words: () => (trouble === undefined ? undefined : wordsOf(trouble)),
    beside: (live) => ({
      ...live,
      show: (rows, yielding) => {
        shown = true;
        live.show(rows, yielding);
      },
      end: () => {
        shown = false;
        live.end();
      },
    }),
  };
}

function wordsOf(trouble: Trouble): string {
  return `the API server ${trouble.what} (for ${seconds(trouble)})`;
}

function seconds({ since }: Trouble): string {
  return `${Math.round((Date.now() - since) / 1000)} s`;
}
