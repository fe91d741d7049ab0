import { posix } from 'node:path';
import { Duration } from '@icholy/duration';
import type { NodePath } from '../capture/request.ts';
import { type LabelSelector, parseSelector } from '../capture/selector.ts';

/** Collects what is wrong with a command line, so that everything is reported together. */
export class Problems {
  readonly found: string[] = [];

  /** Parses a flag that was given; tells its problem, and yields undefined, when it can't. */
  parse<T>(flag: string, text: string | undefined, parser: (text: string) => T | Error): T | undefined {
    if (text === undefined) return undefined;
    const value = parser(text);
    if (!(value instanceof Error)) return value;
    this.found.push(`${flag}: ${value.message}`);
    return undefined;
  }
}

/** A Go duration (`1h30m`, `90s`, `500ms`, `0`) in milliseconds. */
export function parseDuration(text: string): number | Error {
  const hint = 'write it as 30s, 5m or 1h30m';
  const value = text.trim();
  if (value === '0') return 0;
  if (/^\d+$/.test(value)) return new Error(`"${text}" has no unit: ${hint}`);
  if (value.startsWith('-')) return new Error(`"${text}" is negative`);
  try {
    const milliseconds = value === '' ? Number.NaN : new Duration(value).milliseconds();
    if (Number.isFinite(milliseconds) && milliseconds <= 2 ** 31 - 1) return milliseconds;
  } catch {
    // Told below.
  }
  return new Error(`"${text}" is not a duration${/^[\d.]+[a-zµ]+/.test(value) ? ' of at most 24 days' : ''}: ${hint}`);
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
  const wrong = names.find((name) => !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) || name.length > 253);
  if (wrong !== undefined) return new Error(`"${wrong}" cannot be a name in Kubernetes`);
  return [...new Set(names)].sort();
}

/** Names of network interfaces separated by commas: at most 15 characters, no blank and no slash. */
export function parseInterfaces(text: string): readonly string[] | Error {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !/^[^\s/,-][^\s/,]{0,14}$/.test(name));
  if (wrong !== undefined) return new Error(`"${wrong}" cannot be the name of a network interface`);
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

/** A Kubernetes quantity such as `500m` or `256Mi`. */
export function parseQuantity(text: string): string | Error {
  if (/^\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?$/.test(text)) return text;
  return new Error(`"${text}" is not a quantity such as 500m, 2 or 256Mi`);
}

/** One of a few words. */
export function parseOneOf<T extends string>(...words: readonly T[]): (text: string) => T | Error {
  return (text) => words.find((word) => word === text) ?? new Error(`"${text}" is not one of ${words.join(', ')}`);
}
