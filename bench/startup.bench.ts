// Start-up: the whole process, warm, interleaved with kubectl.
import { join, resolve } from 'node:path';
import { median, say, wallTime } from './support/measure.ts';

const ROUNDS = 20;
const ours = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const kubectl = process.env.KUBECTL ?? 'kubectl';
const times: Record<'ours' | 'kubectl', number[]> = { ours: [], kubectl: [] };
for (let round = -2; round < ROUNDS; round += 1) {
  const pair = [await wallTime(ours, ['version', '--client']), await wallTime(kubectl, ['version', '--client'])];
  if (round < 0) continue; // Warm-up.
  times.ours.push(pair[0] ?? 0);
  times.kubectl.push(pair[1] ?? 0);
}
const ratios = times.ours.map((time, index) => time / (times.kubectl[index] ?? 1));
say(
  `version --client: ${median(times.ours).toFixed(0)} ms; kubectl version --client: ${median(times.kubectl).toFixed(0)} ms; ` +
    `ratio ${median(ratios).toFixed(2)} (medians of ${ROUNDS} pairs)`,
);
