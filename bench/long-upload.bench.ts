// The memory of the built program while it sends a tarball whose parts grow: `long-upload.bench.ts [GIGABYTES]`, 42 by default.
// The tarball is a file of holes and the store forgets what it is sent, so neither takes room on a disk. Needs root.
import { openLab } from '../test/local/lab.ts';
import { sendLong, startSink } from '../test/local/pod.ts';
import { say } from './support/measure.ts';

const gigabytes = Number(process.argv[2] ?? 42);
const lab = await openLab();
const sink = await startSink(lab, 0);
try {
  const { sent, peakMiB } = await sendLong(lab, sink.s3, gigabytes * 1e9);
  if (sent.errors.length > 0) say(sent.errors.join('\n'));
  say(`${gigabytes} GB to S3: ${peakMiB.toFixed(0)} MiB at most`);
} finally {
  sink.stop();
  await lab.close();
}
