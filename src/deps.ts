import type { Cluster, ConfigNames, ConnectionOptions } from './kube/cluster.ts';

/** One cell of a table: plain text, or text whose meaning a terminal may colour. */
export type Cell = string | { text: string; tone: Tone };
export type Tone = 'good' | 'bad' | 'warn' | 'dim';
export type Rows = readonly (readonly Cell[])[];

/** A part of the screen that is rewritten in place on a terminal; elsewhere its lines are printed one by one. */
export type Live = {
  /** Shows the whole state as a table, whose columns yield as in `printTable`; only a terminal prints it. */
  show(rows: Rows, yielding?: readonly number[]): void;
  /** Tells one event; only printed where there is no terminal. */
  event(line: string): void;
  /** Removes what was shown. */
  end(): void;
};

/** What the flags of every command say about how it speaks; set before the command runs. */
export type Habits = { verbose: boolean; noColor: boolean };

/** What commands may say. stdout carries results only; all else goes to stderr. Control characters are taken out. */
export type Ui = {
  /** Whether stderr is a terminal. */
  readonly interactive: boolean;
  /** Whether the user wants to be told more. */
  readonly verbose: boolean;
  /** A result, to stdout. */
  print(text: string): void;
  /** Progress, a hint or the next step, to stderr. */
  note(text: string): void;
  /** A warning, to stderr. */
  warn(text: string): void;
  /** What only --verbose tells, to stderr. */
  detail(text: string): void;
  /**
   * A result as aligned columns without borders, to stdout. On a terminal that is too narrow the yielding columns are
   * shortened or left out, the first of them first.
   */
  printTable(rows: Rows, yielding?: readonly number[]): Promise<void>;
  /** A table to which rows are added. */
  openTable(yielding?: readonly number[]): Promise<(rows: Rows) => void>;
  /** A mark and text for how something ended, to stderr. */
  outcome(good: boolean, text: string): void;
  live(): Promise<Live>;
  /**
   * What ails the API server, and since when (milliseconds since the epoch); undefined when it is over. Beside what is shown
   * live on a terminal, else as one line for the beginning and one for the end.
   */
  trouble(now: { what: string; since: number } | undefined): void;
  /** Whether somebody sits at a terminal who can answer. */
  readonly canAsk: boolean;
  /** Asks for a line, to stderr; undefined when none was typed: the input ended, or the signal was aborted. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
};

/** What `main` hands to commands. Nothing here is touched before a command needs it. */
export type Deps = {
  connect(options: ConnectionOptions): Promise<Cluster>;
  /** The names in the kubeconfig that these flags choose. */
  configNames(options: ConnectionOptions): Promise<ConfigNames>;
  now(): Date;
  /** Five random characters of a-z and 0-9. */
  newId(): string;
  readonly env: NodeJS.ProcessEnv;
  readonly ui: Ui;
  /** Aborted by Ctrl-C, SIGTERM and SIGHUP, with an InterruptedError as its reason. */
  readonly signal: AbortSignal;
  /** Aborted when a result was written that nobody reads any more. */
  readonly unread: AbortSignal;
  /** The next Ctrl-C calls this in place of aborting the signal; once, and not after the returned function was called. */
  onInterrupt(answer: () => void): () => void;
  /** Does what a second signal would leave half done; that one then tells what may be left, and what to type next. */
  mayLeave<T>(words: string, action: () => Promise<T>): Promise<T>;
};
