/** What kubectl runs to complete `kubectl retina`, where no file of the archive can be linked: byte for byte bin/kubectl_complete-retina. */
export const kubectl = `#!/bin/sh
# kubectl runs this to complete \`kubectl retina\`: it must be in PATH, best beside kubectl-retina.
set -eu
program=\${0%/*}/kubectl-retina
[ -x "$program" ] || program=kubectl-retina
exec "$program" __complete "$@" </dev/null 2>/dev/null
`;
