import { dump } from 'js-yaml';

/** An object as YAML, as kubectl prints it. */
export function toYaml(value: object): string {
  return dump(value, { lineWidth: -1, noRefs: true }).trimEnd();
}
