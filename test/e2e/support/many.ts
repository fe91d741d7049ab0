import pMap from 'p-map';
import { buildJob } from '../../../src/capture/job.ts';
import { connect } from '../../../src/kube/client-node.ts';
import { request, START, spec } from '../../unit/support/builders.ts';

/** Creates the Jobs of many captures, `many-0000` and so on, as `create` does, but suspended: no pod ever runs. */
export async function plantCaptures(namespace: string, count: number, nodes = 1): Promise<void> {
  const signal = new AbortController().signal;
  const cluster = connect({ namespace }, process.env, { signal, traced: () => undefined, troubled: () => undefined });
  const each = Array.from({ length: count * nodes }, (_, index) => ({
    capture: `many-${String(Math.floor(index / nodes)).padStart(4, '0')}`,
    node: `node${(index % nodes) + 1}`,
  }));
  const plant = async ({ capture, node }: { capture: string; node: string }): Promise<void> => {
    const stem = `${capture}-${node}-20261121101500UTC`;
    const job = buildJob(spec({ capture, node, namespace, stem }), request().job, {
      id: 'many1',
      startedAt: START,
    });
    await cluster.createJob({ ...job, spec: { ...job.spec, suspend: true } as NonNullable<typeof job.spec> });
  };
  await pMap(each, plant, { concurrency: 32 });
}
