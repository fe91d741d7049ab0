import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  captureNameProblem,
  captureSelector,
  captureStem,
  fileTimestamp,
  isTarballOf,
  jobName,
  resultName,
  tarballName,
} from '../../../src/capture/names.ts';
import { START } from '../support/builders.ts';

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const LONG_CAPTURE = `c${'x'.repeat(62)}`;
/** 253 characters, in labels of 63 as DNS has them. */
const LONG_NODE = ['n', 'o', 'd']
  .map((letter) => letter.repeat(63))
  .join('.')
  .concat('.', 'e'.repeat(61));

/** Pairs of a capture and a node that are easily taken for one another. */
const LOOKALIKES: readonly (readonly [capture: string, node: string])[] = [
  ['a-b', 'c'],
  ['a', 'b-c'],
  ['a', 'b.c'],
  ['web', 'node.1'],
  ['web', 'node-1'],
  ['web', `${LONG_NODE.slice(0, -1)}x`],
  ['web', `${LONG_NODE.slice(0, -1)}y`],
  ['web', LONG_NODE.replaceAll('.', '-')],
  ['web', LONG_NODE],
  [LONG_CAPTURE, LONG_NODE],
  [LONG_CAPTURE, `${LONG_NODE.slice(0, -1)}0`],
  [LONG_CAPTURE, 'n'],
  [`${LONG_CAPTURE.slice(0, -1)}y`, LONG_NODE],
  [LONG_CAPTURE, `${'n'.repeat(60)}-a`],
  [LONG_CAPTURE, `${'n'.repeat(60)}.a`],
];

suite('names', () => {
  test('the longest node name that there can be has 253 characters', () => assert.equal(LONG_NODE.length, 253));

  for (const [capture, node] of LOOKALIKES) {
    test(`${capture.slice(0, 8)} (${capture.length}) on ${node.slice(0, 8)} (${node.length}): names that fit`, () => {
      assert.match(jobName(capture, node), DNS_LABEL);
      const stem = captureStem(capture, node, START);
      assert.ok(stem.length <= 210, `${stem.length}`);
      assert.ok(stem.startsWith(`${capture}-`) && stem.endsWith('-20261121101500UTC'));
      assert.match(stem, /^[a-z0-9.-]+UTC$/);
      // The longest of the files that stand beside one another, in bytes.
      const files = [`${tarballName(stem)}.part`, resultName(stem), `${stem}-eth0123456789ab.pcap`, `${stem}.pcap999`];
      for (const file of files) assert.ok(Buffer.byteLength(file) <= 255, file);
    });
  }

  test('no two of them share a name of a Job', () => {
    const names = LOOKALIKES.map(([capture, node]) => jobName(capture, node));
    assert.equal(new Set(names).size, LOOKALIKES.length);
  });

  test('of one capture, no two nodes share a file', () => {
    for (const nodes of Map.groupBy(LOOKALIKES, ([capture]) => capture).values()) {
      const stems = nodes.map(([capture, node]) => captureStem(capture, node, START));
      assert.equal(new Set(stems).size, nodes.length);
    }
  });

  test('ten thousand nodes whose names differ only at their end keep apart', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `gke-${'cluster-'.repeat(8)}${index}`);
    assert.equal(new Set(names.map((name) => jobName('retina-capture-abcde', name))).size, names.length);
    assert.equal(new Set(names.map((name) => captureStem(LONG_CAPTURE, name, START))).size, names.length);
  });

  test('a short name is shown whole; the same input gives the same name', () => {
    assert.match(jobName('web', 'node1'), /^web-node1-[a-z0-9]{8}$/);
    assert.match(jobName('web', 'ip-10-0-0-1.ec2.internal'), /^web-ip-10-0-0-1-ec2-internal-/);
    assert.equal(jobName('web', 'node1'), jobName('web', 'node1'));
    assert.equal(captureStem('web', 'node1', START), 'web-node1-20261121101500UTC');
  });

  test('timestamps are UTC, in the form of the reference', () => {
    assert.equal(fileTimestamp(new Date('2026-01-02T23:04:05.999+02:00')), '20260102210405UTC');
  });

  test('a tarball is known by its name, also where the node name was shortened', () => {
    for (const [capture, node] of LOOKALIKES) {
      const file = tarballName(captureStem(capture, node, START));
      assert.ok(isTarballOf(file, capture, node));
      assert.ok(!isTarballOf(file, `${capture}x`, node) && !isTarballOf(file, capture, `${node}x`));
    }
    for (const file of ['web-node1-20261121101500UTC.tar.gz.part', 'web-node1-20269921101500UTC.tar.gz', '']) {
      assert.ok(!isTarballOf(file, 'web', 'node1'), file);
    }
    assert.ok(!isTarballOf('a/web-node1-20261121101500UTC.tar.gz', 'web', 'node1'));
  });

  test('names of captures: DNS labels of at most 63 characters', () => {
    for (const good of ['a', '0', 'a-b', 'retina-capture-x7k2q', LONG_CAPTURE]) {
      assert.equal(captureNameProblem(good), undefined, good);
    }
    const bad: readonly (readonly [string, RegExp])[] = [
      ['', /empty/],
      [`${LONG_CAPTURE}x`, /64 characters/],
      ...['A', 'a.b', '-a', 'a-', 'a_b', 'a/b', 'a b', 'ä', '..', 'a\n'].map((name) => [name, /DNS label/] as const),
    ];
    for (const [name, words] of bad) assert.match(captureNameProblem(name) ?? '', words, name);
  });

  test('selectors of captures: all, or one', () => {
    assert.equal(captureSelector(), 'retina.sh/app=capture');
    assert.equal(captureSelector('web'), 'retina.sh/app=capture,capture-name=web');
  });
});
