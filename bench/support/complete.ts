// How long a store itself takes to make an object of parts that it has, in milliseconds: `complete.ts URL ID SECRET BYTES`.
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { say } from './measure.ts';

const [endpoint = '', accessKeyId = '', secretAccessKey = '', bytes = '0'] = process.argv.slice(2);
const PART = 5 << 20;
const credentials = { accessKeyId, secretAccessKey };
const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
const object = { Bucket: 'evidence', Key: 'alone' };
const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
const Body = Buffer.alloc(PART, 'x');
const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
for (let PartNumber = 1; PartNumber <= Math.ceil(Number(bytes) / PART); PartNumber += 1) {
  const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body }));
  Parts.push({ PartNumber, ETag });
}
const start = performance.now();
await client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }));
say(`${performance.now() - start}`);
