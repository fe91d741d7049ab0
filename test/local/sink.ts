/**
 * Takes what is sent to S3 and to Azure Blob, at the pace it is told, and forgets it: `sink.ts PORT MEGABYTES_PER_SECOND`.
 * It stands for a store only where nothing but the sender matters; what stores do with bytes is tested with real ones.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const [port = '9000', pace = '0'] = process.argv.slice(2);
const bytesPerMillisecond = Number(pace) * 1000;

async function swallow(request: IncomingMessage): Promise<void> {
  const start = performance.now();
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    const due = bytesPerMillisecond === 0 ? 0 : bytes / bytesPerMillisecond - (performance.now() - start);
    if (due > 5) await sleep(due);
  }
}

/** XML where the client of S3 reads an answer; it needs no more than an id. */
function answerTo(url: URL, method = ''): string {
  if (method === 'PUT') return '<CopyObjectResult><ETag>"1"</ETag></CopyObjectResult>';
  if (url.searchParams.has('uploads'))
    return '<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>';
  return url.searchParams.has('uploadId') ? '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>' : '';
}

createServer(async (request, response) => {
  await swallow(request);
  const url = new URL(request.url ?? '', 'http://sink');
  const isBlob = url.searchParams.has('sig');
  response.writeHead(isBlob ? 201 : 200, { etag: '"1"', 'content-type': 'application/xml' });
  const isWord = request.method === 'POST' || request.headers['x-amz-copy-source'] !== undefined;
  response.end(isWord ? answerTo(url, request.method) : '');
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'));
