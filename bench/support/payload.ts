import { randomBytes, randomInt } from 'node:crypto';

export type Kind = 'random' | 'text';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** Bytes as TLS sends them, which do not shrink, or as requests in plain HTTP are, which deflate to a fifth. */
export function payload(kind: Kind, bytes: number): Buffer {
  if (kind === 'random') return randomBytes(bytes);
  const words = Array.from({ length: 2000 }, () =>
    Array.from({ length: 3 + randomInt(7) }, () => LETTERS[randomInt(26)]).join(''),
  );
  const word = (): string => words[randomInt(words.length)] ?? '';
  const parts: string[] = [];
  for (let length = 0; length < bytes; ) {
    const request = [
      `GET /api/${word()}/${randomInt(1e6)}?page=${randomInt(50)} HTTP/1.1`,
      `Host: ${word()}.example.com`,
      'User-Agent: Mozilla/5.0 (X11; Linux x86_64)',
      'Accept: text/html,application/json',
      `X-Request-Id: ${randomInt(2 ** 47).toString(16)}`,
      `Cookie: session=${randomInt(2 ** 47).toString(36)}`,
    ];
    const text = `${request.join('\r\n')}\r\n\r\n`;
    parts.push(text);
    length += text.length;
  }
  return Buffer.from(parts.join('')).subarray(0, bytes);
}
