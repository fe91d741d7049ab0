/**
 * Runs a cleanup if the process ends before it is called off, as by a second Ctrl-C. Only what is synchronous can be done
 * then. Takes the exit code; returns what calls it off. What was set up last goes first: a directory is removed after what
 * writes into it has ended.
 */
export function atExit(cleanup: (code: number) => void): () => void {
  process.prependOnceListener('exit', cleanup);
  return () => void process.removeListener('exit', cleanup);
}
