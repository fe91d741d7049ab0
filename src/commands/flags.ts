import { posix } from 'node:path';
import { Duration } from '@icholy/duration';
import type { NodePath } from '../capture/request.ts';
import { type LabelSelector, parseSelector } from '../capture/selector.ts';
import { nearest } from '../capture/suggest.ts';
import { UsageError } from '../errors.ts';

/** Collects what is wrong with a command line, so that everything is reported together. */
export class Problems {
  readonly found: string[] = [];
  /** What is not wrong, but should be known; told before anything is done. */
  readonly warnings: string[] = [];

  /** Parses a flag that was given; tells its problem, and yields undefined, when it can't. */
  parse<T>(flag: string, text: string | undefined, parser: (text: string) => T | Error): T | undefined {
    if (text === undefined) return undefined;
    const value = parser(text);
    if (!(value instanceof Error)) return value;
    // What was typed is quoted: a line break in it must not look like the next line of ours.
    const message = /\p{Cc}/u.test(text) ? value.message.replace(/\p{Cc}/gu, '\uFFFD') : value.message;
    this.found.push(`${flag}: ${message}`);
    return undefined;
  }
}

/** Throws one UsageError that tells all problems, if there are any, and what was not done because of them. */
export function throwProblems(problems: Problems, done = 'created'): void {
  const { found } = problems;
  if (found.length === 1) throw new UsageError(found[0] ?? '');
  if (found.length > 1) throw new UsageError([`${found.length} problems, nothing was ${done}`, ...found].join('\n'));
}

/** Checked here: the library reads `5s` out of `x5s!`, and `1us` as nothing. */
const DURATION = /^\+?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d))+$/;
/** Milliseconds that a timer takes. */
const MAX_DURATION = 2 ** 31 - 1;

/** A Go duration (`1h30m`, `90s`, `500ms`, `0`; also days) in milliseconds, from 1 ms to 24 days. */
export function parseDuration(text: string): number | Error {
  const hint = 'write it as 30s, 5m or 1h30m';
  const value = text.trim();
  if (/^[+-]?0$/.test(value)) return 0;
  if (/^\d+$/.test(value)) return new Error(`"${text}" has no unit: ${hint}`);
  if (value.startsWith('-')) return new Error(`"${text}" is negative`);
  if (!DURATION.test(value)) return new Error(`"${text}" is not a duration: ${hint}`);
  const milliseconds = new Duration(value).milliseconds();
  if (milliseconds > MAX_DURATION) return new Error(`"${text}" is too long: at most 24 days`);
  // 0 would mean "no limit", the opposite of what was asked for.
  if (milliseconds === 0 && /[1-9]/.test(value)) return new Error(`"${text}" is too short: at least 1ms`);
  return milliseconds;
}

/** A whole number within bounds. */
export function parseInteger(minimum: number, maximum: number): (text: string) => number | Error {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value)) {
      return new Error(`"${text}" is not a whole number`);
    }
    if (value < minimum || value > maximum) {
      return new Error(`${value} is out of range (${minimum} to ${maximum})`);
    }
    return value;
  };
}

/** A label selector; a blank one counts as not given. */
export function parseSelectorFlag(text: string): LabelSelector | undefined | Error {
  return text.trim() === '' ? undefined : parseSelector(text);
}

/** Names separated by commas; blanks around them are dropped, repeated ones too. */
export function parseNames(text: string): readonly string[] | Error {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) return new Error(`"${text}" has an empty name`);
  const wrong = names.map(parseName).find((name) => name instanceof Error);
  return wrong ?? [...new Set(names)].sort();
}

/** The name of an object in Kubernetes, as DNS has them. */
export function parseName(text: string): string | Error {
  const good = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text) && text.length <= 253;
  return good ? text : new Error(`"${text}" cannot be a name in Kubernetes`);
}

/** The name of one object of Kubernetes. */
export function parseObjectName(text: string): string | Error {
  const name = text.trim();
  const good = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) && name.length <= 253;
  return good ? name : new Error(`"${text}" cannot be a name in Kubernetes`);
}

/** Names of network interfaces separated by commas: at most 15 characters, no blank and no slash. */
export function parseInterfaces(text: string): readonly string[] | Error {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !/^[^\s/,:-][^\s/,:]{0,14}$/.test(name) || name === '.' || name === '..');
  if (wrong !== undefined) {
    const why = wrong.length > 15 ? 'it has more than 15 characters' : 'it is empty, or has a character that none has';
    return new Error(`"${wrong}" cannot be the name of a network interface: ${why}`);
  }
  const unique = [...new Set(names)];
  if (unique.length > 1 && unique.includes('any')) return new Error('any stands for all interfaces: name it alone');
  return unique;
}

/** A directory on a node: absolute, or joined under a base directory; never with `..`. */
export function parseNodePath(base: string): (text: string) => NodePath | Error {
  return (text) => {
    const path = text.trim();
    if (path === '') return new Error('the directory is empty');
    if (path.split('/').includes('..')) return new Error(`"${text}" has "..", which could lead anywhere on the node`);
    if (/[\p{Cc}:]/u.test(path)) return new Error(`"${text}" has a colon or a control character`);
    const joined = posix.normalize(posix.isAbsolute(path) ? path : posix.join(base, path)).replace(/(.)\/+$/, '$1');
    return joined === '/' ? new Error('"/" is the whole disk of the node') : (joined as NodePath);
  };
}

/** An absolute directory on a node, without `..`. */
export function parseBasePath(text: string): string | Error {
  if (!posix.isAbsolute(text)) return new Error(`"${text}" is not an absolute path`);
  return parseNodePath('/')(text);
}

const UNITS: Record<string, number> = {
  ...{ m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** A Kubernetes quantity such as `500m` or `256Mi`, not less than a capture needs to start. */
export function parseQuantity(least: { text: string; value: number }): (text: string) => string | Error {
  return (text) => {
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(m|[kMGTPE]|[KMGTPE]i)?$/.exec(text) ?? [];
    if (number === undefined) return new Error(`"${text}" is not a quantity such as 500m, 2 or 256Mi`);
    const enough = Number(number) * (UNITS[unit] ?? 1) >= least.value;
    return enough ? text : new Error(`"${text}" is too little: a capture needs at least ${least.text}`);
  };
}

/** A number of bytes such as `500M` or `2Gi`. */
export function parseBytes(text: string): number | Error {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kMGTPE]|[KMGTPE]i)?$/.exec(text) ?? [];
  if (number === undefined) return new Error(`"${text}" is not a number of bytes such as 500M or 2Gi`);
  return Math.ceil(Number(number) * (UNITS[unit] ?? 1));
}

/** The grammar of image references: lower-case path, then `:tag`, then `@digest`; a registry's host before it. */
const IMAGE = new RegExp(
  [
    /^(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d+)?\/)?/,
    /[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*/,
    /(?::\w[\w.-]{0,127})?(?:@[a-z][a-z0-9+.-]*:[0-9a-f]{32,})?$/,
  ]
    .map((part) => part.source)
    .join(''),
);

/** The name of a container image, as the kubelet takes it. */
export function parseImage(text: string): string | Error {
  const image = text.trim();
  if (image.length <= 512 && IMAGE.test(image)) return image;
  return new Error(`"${text}" is not the name of an image such as registry.example/retina/capture:v1`);
}

/** One of a few words. */
export function parseOneOf<T extends string>(...words: readonly T[]): (text: string) => T | Error {
  return (text) => {
    const known = words.find((word) => word === text);
    if (known !== undefined) return known;
    const meant = nearest(text, words);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    return new Error(`"${text}" is not one of ${words.join(', ')}${hint}`);
  };
}

/** kubectl's `--dry-run`. */
export const parseDryRun = parseOneOf('none', 'client', 'server');
