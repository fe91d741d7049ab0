// The memory of the built program while it sends a tarball whose parts grow: `long-upload.bench.ts [GIGABYTES]`, 42 by default.
// The tarball is a file of holes and the store forgets what it is sent, so neither takes room on a disk. Needs root.
import { openLab } from '../test/local/lab.ts';
import { sendLong, startSink } from '../test/local/pod.ts';
import { report } from './support/results.ts';

const gigabytes = Number(process.argv[2] ?? 42);
const lab = await openLab();
const sink = await startSink(lab, 0);
try {
  const { sent, peakMiB } = await sendLong(lab, sink.s3, gigabytes * 1e9);
  if (sent.errors.length > 0) throw new Error(sent.errors.join('\n'));
  report({ title: 'A tarball whose parts grow', command: `node bench/long-upload.bench.ts ${gigabytes}` }, [
    { what: `${gigabytes} GB to S3: memory`, unit: 'MiB', ours: [peakMiB], target: { most: 150 } },
  ]);
} finally {
  sink.stop();
  await lab.close();
}
