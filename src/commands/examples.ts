/** A command line that works when it is pasted, where the names in it exist. */
export type Example = { what: string; line: string };

/** Examples by the words that call a command, as its help shows them; each of them is run by a test. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  'kubectl retina capture create': [
    {
      what: 'everything that the pods of an app send and receive, for 30 seconds, until the files are saved',
      line: 'kubectl retina capture create --pod-selectors app=web --duration 30s --wait',
    },
    {
      what: 'DNS on two nodes, at most 10 MB each',
      line: "kubectl retina capture create --node-names node1,node2 --pcap-filter 'port 53' --max-size 10",
    },
    {
      what: 'all Linux nodes, until `kubectl retina capture stop slow-api`; only the headers of the packets',
      line: 'kubectl retina capture create --name slow-api --duration 0 --packet-size 128',
    },
  ],
  'kubectl retina capture check': [
    {
      what: 'what keeps this capture from working, if anything',
      line: 'kubectl retina capture check --pod-selectors app=web --duration 30s --wait',
    },
    { what: 'for a script', line: 'kubectl retina capture check --node-names node1 -o json' },
    {
      what: 'the rights for it; an administrator pipes this to kubectl apply -f -',
      line: 'kubectl retina capture check --pod-selectors app=web --wait --print-rbac --as anna',
    },
  ],
  'kubectl retina capture list': [
    { what: 'the captures of the namespace', line: 'kubectl retina capture list' },
    { what: 'those of all namespaces', line: 'kubectl retina capture list -A' },
    { what: 'a line for each node, with the name of its tarball', line: 'kubectl retina capture list -o wide' },
  ],
  'kubectl retina capture status': [
    { what: 'what a capture has, node by node', line: 'kubectl retina capture status slow-api' },
    { what: 'in another namespace', line: 'kubectl retina capture status slow-api -n shop' },
    { what: 'the name as a flag, as the Retina CLI has it', line: 'kubectl retina capture status --name slow-api' },
  ],
  'kubectl retina capture stop': [
    { what: 'end a capture now and keep what it has', line: 'kubectl retina capture stop slow-api' },
    { what: 'in another namespace', line: 'kubectl retina capture stop slow-api -n shop' },
    { what: 'wait longer for large files', line: 'kubectl retina capture stop slow-api --timeout 5m' },
  ],
  'kubectl retina capture download': [
    { what: 'into ./slow-api', line: 'kubectl retina capture download slow-api' },
    {
      what: 'from one node, into another directory',
      line: 'kubectl retina capture download slow-api --node-names node1 -o /tmp',
    },
    {
      what: 'into ./evidence/slow-api, from another namespace',
      line: 'kubectl retina capture download slow-api -n shop -o ./evidence',
    },
  ],
  'kubectl retina capture upload': [
    { what: 'again to where it was to go', line: 'kubectl retina capture upload slow-api' },
    {
      what: 'to the same bucket, with the keys in another Secret',
      line: 'kubectl retina capture upload slow-api --s3-secret writer',
    },
    {
      what: 'to a volume instead, from another namespace; then without the copy on the node',
      line: 'kubectl retina capture upload slow-api -n shop --pvc evidence --cleanup-after-upload',
    },
  ],
  'kubectl retina capture delete': [
    { what: 'one capture; its files stay where they are', line: 'kubectl retina capture delete slow-api' },
    { what: 'in another namespace', line: 'kubectl retina capture delete slow-api -n shop' },
    { what: 'every capture of the namespace', line: 'kubectl retina capture delete --all' },
  ],
  'kubectl retina capture prune': [
    { what: 'what there is to remove, without removing it', line: 'kubectl retina capture prune --dry-run client' },
    { what: 'a nightly job: all namespaces, a week', line: 'kubectl retina capture prune -A --older-than 7d --yes' },
    {
      what: 'whatever runs in a namespace of tests; its files are kept',
      line: 'kubectl retina capture prune -n shop --older-than 0 --running --yes',
    },
  ],
  'kubectl retina capture local': [
    { what: 'ten seconds of this machine', line: 'kubectl retina capture local --duration 10s' },
    {
      what: 'one interface and one port, into a directory',
      line: "kubectl retina capture local --interfaces lo --pcap-filter 'port 8080' --duration 10s -o /tmp",
    },
    {
      what: 'only the beginning of each packet, without the state of the network',
      line: 'kubectl retina capture local --packet-size 96 --include-metadata=false --duration 5s',
    },
  ],
  'kubectl retina completion': [
    { what: 'bash: for this shell', line: 'source <(kubectl retina completion bash)' },
    {
      what: 'zsh: for every shell, where this directory is in fpath',
      line: 'kubectl retina completion zsh > /usr/local/share/zsh/site-functions/_kubectl-retina',
    },
    { what: 'fish: for this shell', line: 'kubectl retina completion fish | source' },
  ],
  'kubectl retina version': [
    { what: 'this program, its capture image and the API server', line: 'kubectl retina version' },
    { what: 'without asking a server', line: 'kubectl retina version --client' },
    { what: 'the server of another context', line: 'kubectl retina version --context staging' },
  ],
};
