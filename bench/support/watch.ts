import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { connection } from './connection.ts';

export type Watched = { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } };

/**
 * Watches the objects of a path, those that are there first, until the answer is called; each change is told with its bytes. A request
 * of its own, so that it is none of the program's.
 */
export function watch(path: string, changed: (object: Watched, bytes: number) => void): () => void {
  const { server, ca, headers } = connection();
  const sent = request(`${server}${path}?watch=true&timeoutSeconds=3600`, { agent: new Agent({ ca }), headers });
  sent.on('response', (answer) => {
    createInterface({ input: answer }).on('line', (line) => {
      const { object } = JSON.parse(line) as { object: Watched };
      changed(object, line.length);
    });
  });
  // What was not told is missing in what is measured.
  sent.on('error', () => undefined);
  sent.end();
  return () => void sent.destroy();
}

/** When so many Jobs of a namespace were complete (as performance.now), as whoever watches them sees it. */
export function lastEnd(namespace: string, count: number): Promise<number> {
  const ended = new Set<string>();
  return new Promise((done) => {
    const stop = watch(`/apis/batch/v1/namespaces/${namespace}/jobs`, ({ metadata, status }) => {
      if (!status?.conditions?.some(({ type, status: is }) => type === 'Complete' && is === 'True')) return;
      ended.add(metadata.name);
      if (ended.size < count) return;
      done(performance.now());
      stop();
    });
  });
}
