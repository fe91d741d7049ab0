// Sends a file to S3 in parts, as the reference does by the SDK's own uploader: `put.ts URL ID SECRET FILE`.
import { createReadStream } from 'node:fs';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';

const [endpoint = '', accessKeyId = '', secretAccessKey = '', file = ''] = process.argv.slice(2);
const credentials = { accessKeyId, secretAccessKey };
const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
const params = { Bucket: 'evidence', Key: 'reference.tar.gz', Body: createReadStream(file) };
await new Upload({ client, params }).done();
