/** A requirement as k8s.io/apimachinery/pkg/labels has it; its values are a set. */
export type Requirement = { key: string; operator: string; values: readonly string[] };

type Token = { kind: string; text: string };

const SYMBOLS = ['!=', '==', '=', '!', ',', '(', ')', '<', '>'];
const DNS = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const WORD = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

class Refused extends Error {}

/** The tokens of a selector, as the lexer of apimachinery makes them: the longest symbol first. */
function lex(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const symbol = SYMBOLS.find((each) => text.startsWith(each, at));
    const word = /^[^\s=!(),<>]+/.exec(text.slice(at).replace(/[^\S \t\r\n]/g, '\u0001'))?.[0];
    if (/[ \t\r\n]/.test(text[at] ?? '')) at += 1;
    else if (symbol !== undefined) at += tokens.push({ kind: symbol, text: symbol }) && symbol.length;
    else if (word !== undefined) {
      const kind = word === 'in' || word === 'notin' ? word : 'identifier';
      at += tokens.push({ kind, text: text.slice(at, at + word.length) }) && word.length;
    } else throw new Refused();
  }
  return [...tokens, { kind: 'end', text: '' }];
}

/** A second implementation of labels.Parse, after its source; undefined for what it refuses. */
export function parseReference(text: string): Requirement[] | undefined {
  try {
    return new Reader(lex(text)).requirements();
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

class Reader {
  #at = 0;
  readonly #tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Among values, `in` and `notin` are words like any other. */
  look(asValue = true): Token {
    const token = this.#tokens[this.#at] ?? { kind: 'end', text: '' };
    return asValue && /^(not)?in$/.test(token.kind) ? { ...token, kind: 'identifier' } : token;
  }

  take(asValue = true): Token {
    const token = this.look(asValue);
    this.#at += 1;
    return token;
  }

  requirements(): Requirement[] {
    const found: Requirement[] = [];
    for (;;) {
      const { kind } = this.look();
      if (kind === 'end') return found;
      if (kind !== 'identifier' && kind !== '!') throw new Refused();
      found.push(this.requirement());
      const next = this.take().kind;
      if (next === 'end') return found;
      if (next !== ',' || !['identifier', '!'].includes(this.look().kind)) throw new Refused();
    }
  }

  requirement(): Requirement {
    const absent = this.look().kind === '!';
    if (absent) this.take();
    const { kind, text: key } = this.take();
    if (kind !== 'identifier' || !isKey(key)) throw new Refused();
    if (absent) return { key, operator: 'absent', values: [] };
    if (['end', ','].includes(this.look().kind)) return { key, operator: 'exists', values: [] };
    const operator = this.take(false).kind;
    if (operator === 'in' || operator === 'notin') return checked(key, operator, this.values());
    if (!['=', '==', '!='].includes(operator)) throw new Refused();
    return checked(key, operator === '!=' ? 'notin' : 'in', [this.exact()]);
  }

  exact(): string {
    if (['end', ','].includes(this.look().kind)) return '';
    const { kind, text } = this.take();
    if (kind !== 'identifier') throw new Refused();
    return text;
  }

  values(): string[] {
    if (this.take().kind !== '(') throw new Refused();
    const found: string[] = [];
    if (this.look().kind === ')') throw new Refused();
    for (;;) {
      const { kind, text } = this.take();
      if (kind === 'identifier') {
        found.push(text);
        if (![',', ')'].includes(this.look().kind)) throw new Refused();
        if (this.look().kind === ')') break;
      } else if (kind === ',') {
        if (found.length === 0) found.push('');
        if (this.look().kind === ')') {
          found.push('');
          break;
        }
        if (this.look().kind === ',') {
          this.take();
          found.push('');
        }
      } else throw new Refused();
    }
    this.take();
    return found;
  }
}

function isKey(key: string): boolean {
  const parts = key.split('/');
  const [prefix, name = ''] = parts.length === 2 ? parts : [undefined, key];
  if (prefix !== undefined && (!DNS.test(prefix) || prefix.length > 253)) return false;
  return parts.length <= 2 && WORD.test(name) && name.length <= 63;
}

function checked(key: string, operator: string, values: readonly string[]): Requirement {
  if (values.some((value) => value !== '' && (!WORD.test(value) || value.length > 63))) throw new Refused();
  return { key, operator, values: [...new Set(values)].sort() };
}

/** Whether labels fulfil a requirement, after Requirement.Matches. */
export function matches(labels: Readonly<Record<string, string>>, { key, operator, values }: Requirement): boolean {
  const there = Object.hasOwn(labels, key);
  if (operator === 'in') return there && values.includes(labels[key] ?? '');
  if (operator === 'notin') return !there || !values.includes(labels[key] ?? '');
  return there === (operator === 'exists');
}
