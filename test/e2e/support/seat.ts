import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

// The shell of a terminal, as far as signals go: Ctrl-C is for what runs in it, the end of the terminal is passed on to
// it, and its exit code is noted in a file when the terminal is gone, too.
//
// usage: node seat.ts FILE PROGRAM [ARGUMENT…]
const [file = '', program = '', ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: 'inherit' });
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => void child.kill('SIGHUP'));
child.on('exit', (code, signal) => writeFileSync(file, String(code ?? signal)));
