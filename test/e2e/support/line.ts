import net from 'node:net';
import { HOST } from './stores.ts';

/** What a line does to a connection: breaks it after so many bytes of answers, or lets so many a second pass. */
type Limits = { bytes?: number; downRate?: number; upRate?: number };

export type Line = {
  /** Bytes that have passed towards the server. */
  sent(): number;
  /** From now on, no limits. */
  heal(): void;
  close(): void;
};

/** A line to a server on another port of the same address, with faults of its own. */
export async function openLine(port: number, server: number, typed: Limits): Promise<Line> {
  let limits = typed;
  let up = 0;
  const listener = net.createServer((here) => {
    const there = net.connect(server, HOST);
    let down = 0;
    const pace = (from: net.Socket, bytes: number, rate: number | undefined): void => {
      if (rate === undefined) return;
      from.pause();
      setTimeout(() => from.resume(), (bytes / rate) * 1000);
    };
    there.on('data', (chunk) => {
      down += chunk.length;
      if (limits.bytes !== undefined && down > limits.bytes) here.resetAndDestroy();
      else here.write(chunk);
      pace(there, chunk.length, limits.downRate);
    });
    here.on('data', (chunk) => {
      up += chunk.length;
      there.write(chunk);
      pace(here, chunk.length, limits.upRate);
    });
    there.on('error', () => here.destroy()).on('end', () => here.end());
    here.on('error', () => there.destroy()).on('end', () => there.end());
  });
  await new Promise<void>((resolve) => void listener.listen(port, HOST, resolve));
  return {
    sent: () => up,
    heal: () => {
      limits = {};
    },
    close: () => listener.close(),
  };
}
