import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MAX_PKTMON_FILTERS, pktmonFilters } from '../../../src/capture/pktmon-filters.ts';
import { planCapture } from '../../../src/capture/plan.ts';
import type { FilterModel } from '../../../src/capture/request.ts';
import { UsageError } from '../../../src/errors.ts';
import { filterModel, node, pod, request, START, snapshot } from '../support/builders.ts';

const RUN = { id: 'r1', startedAt: START };

type Term = { address?: string; port?: number };

suite('filters of pktmon', () => {
  const cases: readonly (readonly [what: string, pods: string[], include: Term[], expected: string[] | undefined])[] = [
    ['the whole node', [], [], []],
    ['pods', ['10.1.0.6', '10.1.0.5', '10.1.0.5', 'fd00::5'], [], ['-i 10.1.0.5', '-i 10.1.0.6', '-i fd00::5']],
    [
      'terms without pods',
      [],
      [{ port: 53 }, { address: '10.0.0.0/8' }, { address: '10.2.0.1', port: 80 }],
      ['-i 10.0.0.0/8', '-i 10.2.0.1 -p 80', '-p 53'],
    ],
    [
      'both: a packet needs one of each',
      ['10.1.0.5', '10.1.0.6'],
      [{ port: 53 }],
      ['-i 10.1.0.5 -p 53', '-i 10.1.0.6 -p 53'],
    ],
    ['a pod and an address', ['10.1.0.5'], [{ address: '10.2.0.1', port: 80 }], ['-i 10.1.0.5 10.2.0.1 -p 80']],
    ['a network that the pod is not in', ['10.1.0.5'], [{ address: '10.2.0.0/16' }], ['-i 10.1.0.5 10.2.0.0/16']],
    // Whatever the other side is: one of the packet's addresses is in the network.
    ['a network that the pod is in', ['10.1.0.5'], [{ address: '10.0.0.0/8', port: 80 }], ['-i 10.1.0.5 -p 80']],
    ['the address of the pod itself', ['fd00::5'], [{ address: 'fd00::5' }], ['-i fd00::5']],
    ['families that never meet are left out', ['10.1.0.5', 'fd00::5'], [{ address: 'fd00::/8' }], ['-i fd00::5']],
    // Without filters pktmon would capture everything.
    ['no packet at all', ['10.1.0.5'], [{ address: 'fd00::/8' }], undefined],
  ];
  for (const [what, pods, include, expected] of cases) {
    test(what, () => {
      const filters = pktmonFilters({ pods, include });
      assert.deepEqual(
        filters?.map((argv) => argv.join(' ')),
        expected,
      );
    });
  }
});

suite('what Windows nodes cannot do is refused before anything is created', () => {
  const nodes = [node('node1'), node('w1', { os: 'windows' })];
  const there = snapshot({ nodes });
  const refusals: readonly (readonly [Parameters<typeof request>[0], RegExp])[] = [
    [{ filter: filterModel({ expression: 'tcp' }) }, /^--pcap-filter cannot be used on Windows .* knows no BPF: w1$/],
    [{ filter: filterModel({ exclude: [{ address: undefined, port: 22 }] }) }, /^--exclude-filter .*: w1$/],
    [
      { filter: filterModel({ sources: ['10.0.0.0/8'] }) },
      /^--source-ips .* does not tell source from destination: w1$/,
    ],
    [{ filter: filterModel({ destinations: ['10.0.0.1'] }) }, /^--destination-ips .*: w1$/],
    [{ interfaces: ['eth0'] }, /^--interfaces .*: w1$/],
    [{ packetCount: 5 }, /^--packet-count .*: w1$/],
  ];
  for (const [asked, words] of refusals) {
    test(String(words), () => {
      const refused = { name: 'UsageError', message: words };
      assert.throws(() => planCapture(request(asked), there, RUN), refused);
      assert.ok(planCapture(request(asked), snapshot(), RUN), 'Linux nodes take it');
    });
  }

  test('all problems are told together', () => {
    const filter: FilterModel = filterModel({ expression: 'tcp', sources: ['10.0.0.1'] });
    assert.throws(
      () => planCapture(request({ filter, packetCount: 1 }), there, RUN),
      (error: UsageError) =>
        error instanceof UsageError &&
        /^3 problems, nothing was created\n--pcap.*\n--source.*\n--packet/.test(error.message),
    );
  });

  test('more filters than pktmon takes, and a filter that nothing passes', () => {
    const addresses = Array.from({ length: MAX_PKTMON_FILTERS + 1 }, (_, index) => `10.1.0.${index}`);
    const target = { kind: 'pod-names', names: ['w'] } as const;
    const plan = (count: number, include: FilterModel['include'] = []) =>
      planCapture(
        request({ target, filter: filterModel({ include }) }),
        snapshot({ nodes, pods: [pod('w', { node: 'w1', addresses: addresses.slice(0, count) })] }),
        RUN,
      );
    assert.ok(plan(MAX_PKTMON_FILTERS));
    assert.throws(() => plan(MAX_PKTMON_FILTERS + 1), /^UsageError: w1 would need 33 filters, and pktmon takes 32/);
    const elsewhere = [{ address: 'fd00::/8', port: undefined }];
    assert.throws(() => plan(1, elsewhere), /^UsageError: no packet on w1 can pass --include-filter/);
  });

  test('what has no effect there is told, and that no real node was tried', () => {
    const { warnings } = planCapture(request({ promiscuous: false, immediate: true }), there, RUN);
    assert.deepEqual(warnings, [
      'w1: captures on Windows nodes have been tried with an emulated pktmon, and not on real Windows nodes yet; they need an image made for Windows: --image',
      'w1: without effect on Windows nodes: --no-promiscuous, --immediate-mode',
    ]);
    assert.deepEqual(planCapture(request({ promiscuous: false }), snapshot(), RUN).warnings, []);
  });
});
