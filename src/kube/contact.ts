import { ClusterError } from '../errors.ts';

/** Milliseconds for which a server is in trouble before that is told: most restarts of a connection take less. */
const TELL_AFTER = 3000;
/** Milliseconds for which an answer may take its time before that is trouble. */
const SLOW = 10_000;

/** What ails the API server, and since when: milliseconds since the epoch. */
export type Trouble = { what: string; since: number };
/** Takes what ails the server, again and again; undefined once when it is over. */
export type Troubled = (trouble: Trouble | undefined) => void;

/** What is known of a server by the requests to it. */
export type Contact = {
  /** Whether it has ever answered. */
  readonly answered: boolean;
  /** Runs a request whose outcome tells of the server. */
  watch<T>(request: () => Promise<T>): Promise<T>;
};

/** Watches over the requests to a server, and tells when it is in trouble. */
export function createContact(troubled: Troubled): Contact {
  let answered = false;
  let since: number | undefined;
  let told = false;
  const good = (): void => {
    since = undefined;
    if (told) troubled(undefined);
    told = false;
  };
  const bad = (began: number, what: string): void => {
    since ??= began;
    if (Date.now() - since < TELL_AFTER) return;
    told = true;
    troubled({ what, since });
  };
  return {
    get answered() {
      return answered;
    },
    watch: async (request) => {
      const began = Date.now();
      const slow = setTimeout(bad, SLOW, began, 'does not answer');
      try {
        const value = await request();
        answered = true;
        good();
        return value;
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        const { status } = error;
        if (status !== undefined) answered = true;
        if (status === undefined) bad(began, 'does not answer');
        else if (status === 429 || status > 500) bad(began, `answers ${status}`);
        else good();
        throw error;
      } finally {
        clearTimeout(slow);
      }
    },
  };
}
