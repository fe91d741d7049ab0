// Posts the Jobs of a file, so many at a time, over kept-alive connections, and does nothing else: `post.ts FILE IN_FLIGHT`. What a
// loop takes that knows all beforehand.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connection } from './connection.ts';

const [file = '', inFlight = '32'] = process.argv.slice(2);
const { server, ca, headers } = connection();
const { items } = JSON.parse(readFileSync(file, 'utf8')) as { items: { metadata: { namespace: string } }[] };
const agent = new Agent({ keepAlive: true, maxSockets: Number(inFlight), ca });

function post(job: (typeof items)[number]): Promise<void> {
  const url = `${server}/apis/batch/v1/namespaces/${job.metadata.namespace}/jobs`;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode === 201 ? resolve() : reject(new Error(`HTTP ${answer.statusCode}`))));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(job));
  });
}

const queue = items.values();
await Promise.all(
  Array.from({ length: Number(inFlight) }, async () => {
    for (const job of queue) await post(job);
  }),
);
agent.destroy();
