// Makes a bundle of a file and throws it away: `bundled.ts FILE [hashed]`. In a process of its own, as in a pod: the payload's maker
// leaves a heap that the collector is busy with.
import { createHash } from 'node:crypto';
import { streamBundle } from '../../src/workload/bundle.ts';

const [file = '', hashed] = process.argv.slice(2);
const hash = createHash('sha256');
for await (const member of streamBundle([{ name: 'x.pcap', file }], new Date(0)))
  if (hashed !== undefined) hash.update(member);
