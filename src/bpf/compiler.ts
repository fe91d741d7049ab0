/** Link types by libpcap's numbers: an Ethernet interface, and what `-i any` gives (LINUX_SLL2). */
export const LINK_TYPES = { ethernet: 1, any: 276 } as const;
export type LinkType = keyof typeof LINK_TYPES;

/** One compilation; `live` is as on an interface of Linux, where the kernel holds a packet's VLAN tag beside it. */
export type Job = { expression: string; linkType: LinkType; optimize: boolean; live: boolean };

export type Compiled =
  /** The program: code, jt, jf and k of each instruction. */
  | { ok: true; program: Uint32Array }
  | {
      ok: false;
      /** libpcap's words. */
      error: string;
      /** A name that could not be looked up, and of what: `h` host, `n` network, `e` Ethernet, `s` service, `p` protocol. */
      unresolved: { kind: string; name: string } | undefined;
      /** The word at which the parser stopped, in bytes; empty at the end of the expression. */
      word: { start: number; end: number };
    };

/** Milliseconds that a thread needs to start. */
const STARTING = 1_000;
/** Room for what libpcap does by recursion: 2,000 terms in a row. */
const STACK_MB = 16;

/**
 * Compiles expressions with libpcap's own compiler, in a thread that is ended after `limitMs`: its optimiser may take
 * minutes for a list of `host` terms. What was not done by then is left out at the end of the result.
 */
export async function compileApart(jobs: readonly Job[], limitMs: number): Promise<Compiled[]> {
  const module = await loadModule();
  const numbered = jobs.map(({ linkType, ...job }) => ({ ...job, linkType: LINK_TYPES[linkType] }));
  // Loaded here: most captures have no expression to compile.
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const worker = new Worker(THREAD, {
    eval: true,
    workerData: { module, jobs: numbered },
    resourceLimits: { stackSizeMb: STACK_MB },
  });
  const done: Compiled[] = [];
  const end = Promise.withResolvers<void>();
  const timer = setTimeout(end.resolve, limitMs + STARTING);
  worker.on('message', (compiled: Compiled) => {
    done.push(compiled);
    if (done.length === jobs.length) end.resolve();
  });
  worker.on('error', end.reject);
  try {
    await end.promise;
    return done;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

async function loadModule(): Promise<WebAssembly.Module> {
  const data = await import('./pcap-filter.json', { with: { type: 'json' } });
  return new WebAssembly.Module(Buffer.from(data.default.module, 'base64'));
}

/** The module's exports that are used here; addresses are numbers. */
type Exports = {
  memory: { buffer: ArrayBuffer };
  alloc(size: number): number;
  compile(expression: number, linkType: number, snapLength: number, netmask: number, flags: number): number;
  program(): number;
  length(): number;
  error(): number;
  thrown(): number;
  unresolvedKind(): number;
  unresolved(): number;
  tokenStart(): number;
  tokenEnd(): number;
  atEnd(): number;
};

type NumberedJob = Omit<Job, 'linkType'> & { linkType: number };

/**
 * One compilation in an instance of its own: libpcap's longjmp is a trap there, after which the instance is of no use.
 * The text of this function runs in the thread, so it may use nothing of this file.
 */
function compileIn(module: WebAssembly.Module, job: NumberedJob): Compiled {
  // What a module exports has no types.
  const wasm = new WebAssembly.Instance(module, {}).exports as unknown as Exports;
  const nowhere = { start: 0, end: 0 };
  const refusal = (error: string): Compiled => ({ ok: false, error, unresolved: undefined, word: nowhere });
  const textAt = (at: number): string => {
    const memory = new Uint8Array(wasm.memory.buffer);
    return new TextDecoder().decode(memory.slice(at, memory.indexOf(0, at)));
  };
  const bytes = new TextEncoder().encode(`${job.expression}\0`);
  const expressionAt = wasm.alloc(bytes.length);
  new Uint8Array(wasm.memory.buffer).set(bytes, expressionAt);
  let status: number;
  try {
    // The snap length of tcpdump; no netmask; bit 1 optimises, bit 2 is a live capture.
    status = wasm.compile(expressionAt, job.linkType, 262_144, 0, (job.optimize ? 1 : 0) | (job.live ? 2 : 0));
  } catch (error) {
    if (error instanceof RangeError) return refusal('the filter is too complex');
    if (!(error instanceof WebAssembly.RuntimeError) || wasm.thrown() === 0) throw error;
    status = -1;
  }
  if (status !== 0) {
    const error = textAt(wasm.error());
    const name = textAt(wasm.unresolved());
    const named = error.startsWith('unknown ') && name !== '' && error.includes(name);
    const word = { start: wasm.atEnd() ? bytes.length - 1 : wasm.tokenStart(), end: wasm.tokenEnd() };
    const kind = String.fromCharCode(wasm.unresolvedKind());
    return { ok: false, error, unresolved: named ? { kind, name } : undefined, word };
  }
  const view = new DataView(wasm.memory.buffer, wasm.program(), wasm.length() * 8);
  const program = new Uint32Array(wasm.length() * 4);
  for (let at = 0; at < program.length; at += 4) {
    program.set([view.getUint16(2 * at, true), view.getUint8(2 * at + 2), view.getUint8(2 * at + 3)], at);
    program[at + 3] = view.getUint32(2 * at + 4, true);
  }
  return { ok: true, program };
}

const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const compile = ${compileIn.toString()};
for (const job of workerData.jobs) parentPort.postMessage(compile(workerData.module, job));`;
