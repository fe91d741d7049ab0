import { askRights } from '../capture/access.ts';
import {
  admissionFindings,
  type Finding,
  good,
  missing,
  planFindings,
  rightsFindings,
  warning,
} from '../capture/findings.ts';
import { neededRights } from '../capture/needed-rights.ts';
import type { PlannedNode } from '../capture/plan.ts';
import { tryCreation } from '../capture/quota.ts';
import { buildSecret } from '../capture/secret.ts';
import { readSnapshotAsAllowed } from '../capture/snapshot.ts';
import { toStartSpec } from '../capture/start-spec.ts';
import type { Cell, Deps } from '../deps.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import type { CreateFlags } from './capture-flags.ts';
import { type Checked, checkDocument, checkListDocument, isReady } from './check-document.ts';
import { renderRbac, searchedNamespaces } from './check-rbac.ts';
import { checkNodeFilters } from './filter-check.ts';
import { Problems, throwProblems } from './flags.ts';
import { type Order, readOrders } from './orders.ts';
import { parseFormat, renderDocument } from './output-format.ts';
import { plural } from './render.ts';

type Flags = CreateFlags & ConnectionOptions & { filename?: string; output?: string; printRbac?: boolean };

/** `capture check`: whether `create` with the same flags would work; creates nothing. Exit code 1 when something is missing. */
export async function check(deps: Deps, flags: Flags): Promise<number> {
  const problems = new Problems();
  const format = problems.parse('--output', flags.output, parseFormat(['json', 'yaml']));
  if (flags.printRbac === true && flags.output !== undefined) {
    problems.found.push('--print-rbac: what it prints is YAML for kubectl: leave out --output');
  }
  const orders = await readOrders(flags, problems, deps);
  throwProblems(problems, 'checked');
  const cluster = await deps.connect(flags);
  const there = orders.map((order) => ({
    order,
    cluster: cluster.withNamespace(order.namespace ?? cluster.namespace),
  }));
  if (flags.printRbac === true) {
    const printed: string[] = [];
    for (const one of there) printed.push(await renderRbac(one.order, one.cluster));
    deps.ui.print(printed.join('---\n').trimEnd());
    return 0;
  }
  const checked: Checked[] = [];
  for (const { order, cluster: at } of there) checked.push(await checkOrder(deps, order, at));
  if (format === undefined) for (const one of checked) await show(deps, one);
  else {
    const [first] = checked;
    const alone = flags.filename === undefined && first !== undefined;
    const document = alone ? checkDocument(first) : checkListDocument(checked);
    deps.ui.print(await renderDocument(format.kind === 'yaml' ? 'yaml' : 'json', document));
  }
  return checked.every(isReady) ? 0 : 1;
}

async function checkOrder(deps: Deps, order: Order, cluster: Cluster): Promise<Checked> {
  const { request, warnings } = order;
  const { namespace } = cluster;
  const asking = async () => {
    const searched = await searchedNamespaces(order, cluster);
    return askRights(neededRights(request, { namespace, wait: order.flags.wait === true, searched }), cluster);
  };
  const [rights, read] = await Promise.all([asking(), readSnapshotAsAllowed(request, cluster)]);
  const start = toStartSpec(request.start, cluster);
  const run = { id: deps.newId() + deps.newId(), startedAt: cluster.now(), start };
  const planned = planFindings(request, read, { run, answers: rights });
  const secrets = buildSecret({ ...request, namespace }, run) === undefined ? 0 : 1;
  const [filter, pods] = await Promise.all([
    filterFindings(planned.nodes, order),
    tryCreation({ nodes: planned.nodes, secrets }, cluster),
  ]);
  const findings = [
    ...rightsFindings(rights),
    ...planned.findings,
    ...filter,
    ...admissionFindings(pods),
    ...warnings.map((text) => warning('flags', text)),
  ];
  return { name: request.name, namespace, findings, rights };
}

async function filterFindings(nodes: readonly PlannedNode[], { request }: Order): Promise<Finding[]> {
  try {
    const warnings = await checkNodeFilters(nodes, request);
    if (warnings.length > 0) return warnings.map((text) => warning('filter', text));
    const filters = new Set(nodes.map(({ filter }) => filter)).size;
    return nodes.some(({ filter }) => filter !== '') ? [good('filter', plural(filters, 'BPF program'))] : [];
  } catch (error) {
    return [missing('filter', error)];
  }
}

const MARKS: Readonly<Record<Finding['state'], Cell>> = {
  ok: { text: '✔', tone: 'good' },
  warning: { text: '!', tone: 'warn' },
  missing: { text: '✖', tone: 'bad' },
};

async function show({ ui }: Deps, checked: Checked): Promise<void> {
  const rows = checked.findings.flatMap(({ check: what, state, message, hint }) => {
    const [head = '', ...more] = [message, ...(hint === undefined ? [] : [hint])].flatMap((text) => text.split('\n'));
    return [[MARKS[state], what, head], ...more.map((line): Cell[] => ['', '', `  ${line.trim()}`])];
  });
  await ui.printTable(rows);
  const count = checked.findings.filter(({ state }) => state === 'missing').length;
  const what = `capture in namespace ${checked.namespace}`;
  if (count === 0) ui.outcome(true, `a ${what} can be created; nothing was`);
  else ui.outcome(false, `${plural(count, 'thing')} in the way of a ${what}`);
}
