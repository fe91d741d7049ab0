/** To be sourced, or to be put into a file _kubectl-retina in a directory of fpath. */
export const zsh = `#compdef kubectl-retina
# Completion of kubectl-retina for zsh; load it with: source <(kubectl-retina completion zsh)
# kubectl retina is completed by kubectl's own script, which calls kubectl_complete-retina.
_kubectl-retina() {
    local directive line name
    local -a lines candidates options
    lines=("\${(@f)$("\${(Q)words[1]}" __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
    directive=\${lines[-1]#:}
    [[ $directive == <-> ]] || return 1
    for line in "\${(@)lines[1,-2]}"; do
        name=\${line%%$'\\t'*}
        # A colon ends the name for _describe.
        if [[ $line == *$'\\t'* ]]; then
            candidates+=("\${name//:/\\\\:}:\${line#*$'\\t'}")
        else
            candidates+=("\${name//:/\\\\:}")
        fi
    done
    [[ $PREFIX == -*=* ]] && compset -P '*='
    ((directive & 2)) && options=(-S '')
    if ((\${#candidates})); then
        _describe 'kubectl retina' candidates $options
    elif ((directive & 16)); then
        _files -/
    elif ((!(directive & 4))); then
        _files
    fi
}
compdef _kubectl-retina kubectl-retina
`;
