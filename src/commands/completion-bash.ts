/** For bash 4 and newer; needs nothing of the package bash-completion. */
export const bash = `# Completion of kubectl-retina for bash; load it with: source <(kubectl-retina completion bash)
# kubectl retina is completed by kubectl's own script, which calls kubectl_complete-retina.
_kubectl_retina() {
    local i word directive line
    local -a words=() lines=()
    # bash takes = and : for ends of words: --name=x arrives as three.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if ((i > 1 && \${#words[@]})) && [[ $word == [=:]* || \${COMP_WORDS[i - 1]} == *[=:] ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    mapfile -t lines < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null </dev/null)
    COMPREPLY=()
    ((\${#lines[@]})) || return
    directive=\${lines[-1]#:}
    unset 'lines[-1]'
    for line in "\${lines[@]}"; do
        COMPREPLY+=("\${line%%$'\\t'*}")
    done
    ((directive & 2)) && compopt -o nospace
    if ((directive & 16)); then
        compopt -o dirnames
    elif ((!(directive & 4) && !\${#COMPREPLY[@]})); then
        compopt -o default
    fi
}
complete -F _kubectl_retina kubectl-retina
`;
