import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';

/** What becomes of a request: done; refused for good; refused for now; cut off undone; done, but its answer is lost. */
export type Fate = 'passes' | 'refused' | 'busy' | 'cut' | 'unheard';
export type Operation = 'create' | 'part' | 'complete' | 'abort' | 'list' | 'put' | 'head' | 'copy';

type Order = { key: string; query: URLSearchParams; body: Buffer; headers: IncomingMessage['headers'] };
type Answer = { status: number; text?: string; headers?: Record<string, string> };
/** What is told of an object besides its bytes. */
type Words = { mark: string; hash: string };
type Stored = Words & { body: Buffer };
type Upload = Words & { key: string; parts: Map<number, Buffer> };

/** S3 takes no part that is shorter, but for the last. */
const SMALLEST_PART = 5 << 20;
const MARK = 'x-amz-meta-retina-upload';
const HASH = 'x-amz-meta-sha256';
const fail = (status: number, code: string): Answer => ({ status, text: `<Error><Code>${code}</Code></Error>` });

/** A bucket in memory that keeps S3's promises: an object is there as soon as its upload is completed, and not before. */
export async function memoryS3(fate: (operation: Operation) => Fate) {
  const objects = new Map<string, Stored>();
  const uploads = new Map<string, Upload>();
  /** Keys of objects whose makers may not have been told. */
  const unheard = new Set<string>();
  const perform: Record<Operation, (order: Order) => Answer> = {
    create: ({ key, headers }) => {
      const id = `upload-${key}-${uploads.size}-${Math.random()}`;
      uploads.set(id, { key, ...wordsOf(headers), parts: new Map() });
      return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    },
    part: ({ query, body, headers }) => {
      const upload = uploads.get(query.get('uploadId') ?? '');
      if (upload === undefined) return fail(404, 'NoSuchUpload');
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(crc32(body));
      const sums = [sum, createHash('md5').update(body).digest()].map((bytes) => bytes.toString('base64'));
      if (!sums.includes(String(headers['x-amz-checksum-crc32'] ?? headers['content-md5'])))
        return fail(400, 'BadDigest');
      if (headers['x-amz-content-sha256'] !== createHash('sha256').update(body).digest('hex'))
        return fail(400, 'XAmzContentSHA256Mismatch');
      upload.parts.set(Number(query.get('partNumber')), body);
      return { status: 200, headers: { ETag: '"x"', 'x-amz-checksum-crc32': sum.toString('base64') } };
    },
    complete: ({ key, query, body }) => {
      const id = query.get('uploadId') ?? '';
      const upload = uploads.get(id);
      if (upload === undefined) return fail(404, 'NoSuchUpload');
      const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => Number(number));
      const parts = numbers.map((number) => upload.parts.get(number));
      if (numbers.length === 0 || parts.includes(undefined)) return fail(400, 'InvalidPart');
      if (parts.slice(0, -1).some((part) => (part?.length ?? 0) < SMALLEST_PART)) return fail(400, 'EntityTooSmall');
      const { mark, hash } = upload;
      objects.set(key, { body: Buffer.concat(parts.filter((part) => part !== undefined)), mark, hash });
      uploads.delete(id);
      return xml('<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>');
    },
    abort: ({ query }) => (uploads.delete(query.get('uploadId') ?? '') ? { status: 204 } : fail(404, 'NoSuchUpload')),
    list: () => {
      const all = [...uploads].map(([id, { key }]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`);
      return xml(`<ListMultipartUploadsResult>${all.join('')}</ListMultipartUploadsResult>`);
    },
    put: ({ key, body, headers }) => {
      objects.set(key, { body, ...wordsOf(headers) });
      return { status: 200, headers: { ETag: '"x"' } };
    },
    copy: (order) => copyInto(objects, uploads, order),
    head: ({ key }) => {
      const object = objects.get(key);
      return object === undefined ? { status: 404 } : { status: 200, headers: { [MARK]: object.mark } };
    },
  };
  const server = createServer(async (message, to) => {
    const url = new URL(message.url ?? '', 'http://here');
    const operation = operationOf(message, url.searchParams);
    const outcome = fate(operation);
    const pieces = await Array.fromAsync(message).catch(() => undefined);
    if (outcome === 'cut' || pieces === undefined) return to.destroy();
    if (outcome === 'refused') return give(to, fail(403, 'AccessDenied'));
    if (outcome === 'busy') return give(to, fail(503, 'SlowDown'));
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    if (operation === 'put' || operation === 'complete') to.on('close', () => to.writableFinished || unheard.add(key));
    const order = { key, query: url.searchParams, body: Buffer.concat(pieces), headers: message.headers };
    const answer = perform[operation](order);
    return outcome === 'unheard' ? to.destroy() : give(to, answer);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ objects, uploads, unheard },
    end: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function wordsOf(headers: IncomingMessage['headers']): Words {
  return { mark: String(headers[MARK] ?? ''), hash: String(headers[HASH] ?? '') };
}

/** Copies an object with the words of the request, or a range of it into a part of an upload. */
function copyInto(objects: Map<string, Stored>, uploads: Map<string, Upload>, order: Order): Answer {
  const { key, query, headers } = order;
  const [, ...source] = decodeURIComponent(String(headers['x-amz-copy-source'])).split('/');
  const body = objects.get(source.join('/'))?.body;
  if (body === undefined) return fail(404, 'NoSuchKey');
  if (!query.has('uploadId')) {
    objects.set(key, { body, ...wordsOf(headers) });
    return xml('<CopyObjectResult><ETag>"x"</ETag></CopyObjectResult>');
  }
  const [first = 0, last = 0] = String(headers['x-amz-copy-source-range']).match(/\d+/g)?.map(Number) ?? [];
  const parts = uploads.get(query.get('uploadId') ?? '')?.parts;
  if (parts === undefined) return fail(404, 'NoSuchUpload');
  parts.set(Number(query.get('partNumber')), body.subarray(first, last + 1));
  return xml('<CopyPartResult><ETag>"x"</ETag></CopyPartResult>');
}

function operationOf({ method, headers }: IncomingMessage, query: URLSearchParams): Operation {
  if (method === 'HEAD') return 'head';
  if (method === 'GET') return 'list';
  if (method === 'DELETE') return 'abort';
  if (method === 'POST') return query.has('uploads') ? 'create' : 'complete';
  if (headers['x-amz-copy-source'] !== undefined) return 'copy';
  return query.has('partNumber') ? 'part' : 'put';
}

function xml(text: string): Answer {
  return { status: 200, text, headers: { 'Content-Type': 'application/xml' } };
}

function give(to: ServerResponse, { status, text = '', headers = {} }: Answer): void {
  to.writeHead(status, headers).end(text);
}
