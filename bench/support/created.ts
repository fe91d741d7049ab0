// Creates a capture as `capture create` does, from the connection to the last Job, and prints the milliseconds it took:
// `created.ts with|without NAMESPACE NAME`, with what is asked beforehand or without.
import { applyPlan } from '../../src/capture/apply.ts';
import { planCapture } from '../../src/capture/plan.ts';
import { startPreflight } from '../../src/capture/preflight.ts';
import { readSnapshot } from '../../src/capture/snapshot.ts';
import { toCaptureRequest } from '../../src/commands/capture-flags.ts';
import { checkNodeFilters } from '../../src/commands/filter-check.ts';
import { Problems, throwProblems } from '../../src/commands/flags.ts';
import { connect } from '../../src/kube/client-node.ts';
import { say } from './measure.ts';

const [how, namespace = '', name = ''] = process.argv.slice(2);
const { env } = process;
const now = () => new Date();
const problems = new Problems();
const flags = { name, nodeNames: 'node1,node2', duration: '1s', pcapFilter: 'udp port 53' };
const { request } = await toCaptureRequest(flags, problems, { env, now, newId: () => 'bench' });
throwProblems(problems);
const { signal } = new AbortController();
const start = performance.now();
const cluster = connect({ namespace }, env, { signal, traced: () => undefined, troubled: () => undefined });
const preflight = how === 'with' ? startPreflight(request, cluster, { wait: true, signal }) : undefined;
const plan = planCapture(request, await readSnapshot(request, cluster), { id: name, startedAt: now() });
await Promise.all([checkNodeFilters(plan.nodes, request), preflight?.finish(plan)]);
await applyPlan(plan, cluster, { togetherMs: null, signal });
say(`${performance.now() - start}`);
