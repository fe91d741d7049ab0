import { compileApart, type LinkType } from '../../../src/bpf/compiler.ts';
import data from '../../../src/bpf/pcap-filter.json' with { type: 'json' };

/** A compiled filter; undefined where libpcap finds that no packet can pass it. */
export type Program = Uint32Array | undefined;

/** Programs of expressions that must compile, as for a file: VLAN tags are in the packets. */
export async function compileAll(expressions: readonly string[], linkType: LinkType): Promise<Program[]> {
  const jobs = expressions.map((expression) => ({ expression, linkType, optimize: true, live: false }));
  const compiled = await compileApart(jobs, 60_000);
  return expressions.map((expression, index) => {
    const one = compiled[index];
    if (one?.ok === true) return one.program;
    if (one?.error === 'expression rejects all packets') return undefined;
    throw new Error(`${expression}: ${one?.error ?? 'not compiled in time'}`);
  });
}

type Interpreter = {
  memory: { buffer: ArrayBuffer };
  alloc(size: number): number;
  run(program: number, packet: number, wireLength: number, length: number): number;
};

/** Whether libpcap's own interpreter lets a packet through a program. */
export function runner(): (program: Program, packet: Uint8Array) => boolean {
  const module = new WebAssembly.Module(Buffer.from(data.module, 'base64'));
  // What a module exports has no types.
  const wasm = new WebAssembly.Instance(module, {}).exports as unknown as Interpreter;
  const [programAt, packetAt] = [wasm.alloc(200_000), wasm.alloc(2_000)];
  let loaded: Program;
  return (program, packet) => {
    if (program === undefined) return false;
    if (loaded !== program) {
      const view = new DataView(wasm.memory.buffer, programAt);
      for (let at = 0; at < program.length; at += 4) {
        view.setUint16(2 * at, program[at] ?? 0, true);
        view.setUint8(2 * at + 2, program[at + 1] ?? 0);
        view.setUint8(2 * at + 3, program[at + 2] ?? 0);
        view.setUint32(2 * at + 4, program[at + 3] ?? 0, true);
      }
      loaded = program;
    }
    new Uint8Array(wasm.memory.buffer).set(packet, packetAt);
    return wasm.run(programAt, packetAt, packet.length, packet.length) !== 0;
  };
}
