import pMap from 'p-map';
import { buildJob } from '../../../src/capture/job.ts';
import { connect } from '../../../src/kube/client-node.ts';
import { request, START, spec } from '../../unit/support/builders.ts';

/** Creates the Jobs of many captures of one node each, as `create` does, but suspended: no pod ever runs. */
export async function plantCaptures(namespace: string, count: number): Promise<void> {
  const signal = new AbortController().signal;
  const cluster = connect({ namespace }, process.env, { signal, traced: () => undefined, troubled: () => undefined });
  const names = Array.from({ length: count }, (_, index) => `many-${String(index).padStart(4, '0')}`);
  const plant = async (capture: string): Promise<void> => {
    const job = buildJob(spec({ capture, namespace, stem: `${capture}-node1-20261121101500UTC` }), request().job, {
      id: 'many1',
      startedAt: START,
    });
    await cluster.createJob({ ...job, spec: { ...job.spec, suspend: true } as NonNullable<typeof job.spec> });
  };
  await pMap(names, plant, { concurrency: 32 });
}
