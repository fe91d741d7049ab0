import { appendFileSync } from 'node:fs';

/** What was looked into of a command's words: tarballs called saved, and objects said to be gone. */
export type Finding = {
  saved: number;
  false: readonly string[];
  unseen: readonly string[];
  ends: number;
  left: readonly string[];
};

/** Counts a finding for the run of all tests, in the file in TEST_AUDIT. */
export function note(finding: Finding): void {
  if (process.env.TEST_AUDIT) appendFileSync(process.env.TEST_AUDIT, `${JSON.stringify(finding)}\n`);
}
