/** The command line is wrong, by itself or for what the cluster holds: nothing was created. Exit code 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}

type ClusterErrorOptions = {
  hint?: string | undefined;
  status?: number | undefined;
  reason?: string | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
};

/** The cluster refused, could not be reached, or does not hold what was asked for. Exit code 1. */
export class ClusterError extends Error {
  readonly hint: string | undefined;
  /** HTTP status of the API server's answer; undefined when there was none. */
  readonly status: number | undefined;
  /** Kubernetes' machine-readable reason, such as AlreadyExists. */
  readonly reason: string | undefined;
  /** Seconds for which the server asks to be left alone; undefined when it did not. */
  readonly retryAfter: number | undefined;

  constructor(message: string, options: ClusterErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'ClusterError';
    this.hint = options.hint;
    this.status = options.status;
    this.reason = options.reason;
    this.retryAfter = options.retryAfter;
  }
}

/** Whether an error leaves open if what was asked of the API server was done: no answer, or one that does not tell. */
export function isUnsure(error: unknown): boolean {
  return error instanceof ClusterError && (error.status === undefined || error.status >= 500);
}

/** A capture, a delivery or a download failed, wholly or in part. Exit code 1. */
export class CaptureError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'CaptureError';
    this.hint = options.hint;
  }
}

/** The user interrupted the command (Ctrl-C, SIGTERM, SIGHUP). Exit code 130. */
export class InterruptedError extends Error {
  readonly hint: string | undefined;

  constructor(message = 'interrupted', hint?: string) {
    super(message);
    this.name = 'InterruptedError';
    this.hint = hint;
  }
}

/** The exit code that tells what kind of failure an error is: 2 usage, 130 interrupted, 1 any other. */
export function exitCodeFor(error: unknown): number {
  if (error instanceof UsageError) return 2;
  if (error instanceof InterruptedError) return 130;
  return 1;
}

/** What an unknown thrown value says in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
