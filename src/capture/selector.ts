/** A label selector whose grammar was checked, in the form that the API server takes. */
export type LabelSelector = string & { readonly __brand: 'LabelSelector' };

const NAME = '[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';
const DNS = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const KEY = new RegExp(`^(?<prefix>${DNS}(\\.${DNS})*/)?${NAME}$`);
const VALUE = new RegExp(`^(${NAME})?$`);
const SET = /^(?<key>\S+)\s+(?<operator>in|notin)\s*\((?<values>[^()]*)\)$/;
const EQUALITY = /^(?<key>[^\s=!]+)\s*(?<operator>==|=|!=)\s*(?<value>[^\s=!]*)$/;

/** One term of a selector; the terms of a selector must all hold. */
export type SelectorTerm = {
  key: string;
  operator: '=' | '!=' | 'in' | 'notin' | 'exists' | 'absent';
  values: readonly string[];
};

/**
 * Checks a label selector against Kubernetes' grammar (`a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by
 * commas) and returns its normal form, or an Error that tells which term is wrong and why.
 */
export function parseSelector(text: string): LabelSelector | Error {
  const terms = splitTerms(text);
  if (terms instanceof Error) return terms;
  const normal: SelectorTerm[] = [];
  for (const term of terms) {
    const parsed = parseTerm(term);
    if (parsed instanceof Error) return parsed;
    normal.push(parsed);
  }
  return renderSelector(normal);
}

/** The terms of a selector that was checked. */
export function selectorTerms(selector: LabelSelector): SelectorTerm[] {
  const terms = splitTerms(selector);
  if (terms instanceof Error) throw terms;
  return terms.map(readTerm);
}

/** A selector in the form that the API server takes. */
export function renderSelector(terms: readonly SelectorTerm[]): LabelSelector {
  return terms.map(renderTerm).join(',') as LabelSelector;
}

const OPERATORS: Readonly<Record<string, SelectorTerm['operator']>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: 'absent',
};

/** The selector of a controller, as its object holds it, in the form that the API server takes for a list. */
export function selectorOf(object: {
  matchLabels?: Readonly<Record<string, string>>;
  matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}): LabelSelector {
  const labels = Object.entries(object.matchLabels ?? {}).map(
    ([key, value]): SelectorTerm => ({ key, operator: '=', values: [value] }),
  );
  const expressions = (object.matchExpressions ?? []).map(
    ({ key, operator, values = [] }): SelectorTerm => ({ key, operator: OPERATORS[operator] ?? 'exists', values }),
  );
  return renderSelector([...labels, ...expressions]);
}

/** Whether labels fulfil a term, as the API server judges it: an absent label fulfils `!=` and `notin`. */
export function fulfils(labels: Readonly<Record<string, string>>, term: SelectorTerm): boolean {
  const value = Object.hasOwn(labels, term.key) ? labels[term.key] : undefined;
  switch (term.operator) {
    case '=':
    case 'in':
      return value !== undefined && term.values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !term.values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    default:
      return term.operator satisfies never;
  }
}

function renderTerm({ key, operator, values }: SelectorTerm): string {
  if (operator === 'exists' || operator === 'absent') return `${operator === 'absent' ? '!' : ''}${key}`;
  const set = operator === 'in' || operator === 'notin';
  if (!set) return `${key}${operator}${values[0] ?? ''}`;
  // The API server reads no value in `()`, and the empty one in `(,)`.
  return `${key} ${operator} (${values.join(',') || ','})`;
}

/** Splits at the commas that are not within parentheses. */
function splitTerms(text: string): string[] | Error {
  const terms = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (depth < 0 || depth > 1) return new Error(`"${text}" has unbalanced parentheses`);
    if (character === ',' && depth === 0) terms.push('');
    else terms[terms.length - 1] += character;
  }
  if (depth !== 0) return new Error(`"${text}" has unbalanced parentheses`);
  const trimmed = terms.map((term) => term.trim());
  return trimmed.includes('') ? new Error(`"${text}" has an empty term`) : trimmed;
}

function parseTerm(term: string): SelectorTerm | Error {
  const parsed = readTerm(term);
  return problemOf(term, parsed) ?? parsed;
}

function readTerm(term: string): SelectorTerm {
  const set = SET.exec(term)?.groups;
  if (set !== undefined) {
    const text = (set.values ?? '').trim();
    const values = text === '' ? [] : text.split(',').map((value) => value.trim());
    return { key: set.key ?? '', operator: set.operator === 'in' ? 'in' : 'notin', values: [...new Set(values)] };
  }
  const equality = EQUALITY.exec(term)?.groups;
  if (equality !== undefined) {
    return {
      key: equality.key ?? '',
      operator: equality.operator === '!=' ? '!=' : '=',
      values: [equality.value ?? ''],
    };
  }
  const absent = term.startsWith('!');
  return { key: absent ? term.slice(1).trim() : term, operator: absent ? 'absent' : 'exists', values: [] };
}

function problemOf(term: string, { key, operator, values }: SelectorTerm): Error | undefined {
  const slash = key.indexOf('/');
  if (!KEY.test(key) || key.length - slash - 1 > 63 || slash > 253) {
    return new Error(`in "${term}", "${key}" is not a label's key (write key=value, key in (a,b), key or !key)`);
  }
  if (/in$/.test(operator) && values.length === 0)
    return new Error(`in "${term}", no value is between the parentheses`);
  const bad = values.find((value) => !VALUE.test(value) || value.length > 63);
  return bad === undefined ? undefined : new Error(`in "${term}", "${bad}" is not a label's value`);
}
