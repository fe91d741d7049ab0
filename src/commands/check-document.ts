import type { Answered } from '../capture/access.ts';
import type { Finding } from '../capture/findings.ts';
import { API_VERSION } from './capture-document.ts';

/** What was found of one capture that is to be created. */
export type Checked = {
  /** Of the capture. */
  name: string;
  namespace: string;
  findings: readonly Finding[];
  rights: readonly Answered[];
};

/** Whether creating it would work, as far as it can be known. */
export function isReady({ findings }: Pick<Checked, 'findings'>): boolean {
  return findings.every(({ state }) => state !== 'missing');
}

function toDocument({ name, namespace, findings, rights }: Checked) {
  return {
    name,
    namespace,
    ready: isReady({ findings }),
    checks: findings.map(({ check, state, message, hint = null }) => ({ check, state, message, hint })),
    rights: rights.map(({ level, why, allowed, verb, group, resource, subresource, namespace: where, name: one }) => ({
      ...{ verb, group, resource, subresource: subresource ?? null, namespace: where ?? null, name: one ?? null },
      ...{ allowed: allowed ?? null, needed: level !== 'optional', why },
    })),
  };
}

/** What was checked, as a document of its own. */
export function checkDocument(checked: Checked) {
  return { apiVersion: API_VERSION, kind: 'CaptureCheck', ...toDocument(checked) };
}

/** The captures of a file as one document. */
export function checkListDocument(checked: readonly Checked[]) {
  return { apiVersion: API_VERSION, kind: 'CaptureCheckList', items: checked.map(toDocument) };
}
