import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ClusterError, InterruptedError, UsageError } from '../../../src/errors.ts';
import { renderError } from '../../../src/ui/error-text.ts';

suite('an error', () => {
  test('that a user can mend: what happened, then what to do, never a stack', () => {
    const error = new ClusterError('no such pod\nweb', { hint: 'Try: kubectl get pods' });
    for (const verbose of [false, true]) {
      assert.equal(renderError(error, verbose), 'error: no such pod\n  web\n  Try: kubectl get pods\n');
    }
    assert.equal(renderError(new UsageError('a\u001b[2Jb'), false), 'error: a\uFFFD[2Jb\n');
    assert.equal(renderError(new UsageError('a\u202eb\u009bc\u2028d'), false), 'error: a\uFFFDb\uFFFDc\uFFFDd\n');
    assert.equal(renderError(new InterruptedError(), false), '\ninterrupted\n');
  });

  test('that is our fault: one line and how to learn more; its stack needs --verbose', () => {
    const fault = new TypeError('x is undefined');
    assert.equal(
      renderError(fault, false),
      'error: this is a fault of kubectl-retina: x is undefined\n  Please report it with what the same command tells with --verbose.\n',
    );
    assert.match(
      renderError(fault, true),
      /^error: this is a fault of .*x is undefined\nTypeError: x is undefined\n +at /,
    );
    assert.match(renderError('thrown text', true), /fault of kubectl-retina: thrown text\n/);
  });
});
