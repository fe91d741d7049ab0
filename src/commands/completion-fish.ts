/** To be sourced, or to be put into ~/.config/fish/completions/kubectl-retina.fish. */
export const fish = `# Completion of kubectl-retina for fish; load it with: kubectl-retina completion fish | source
# kubectl retina is completed by kubectl's own script, which calls kubectl_complete-retina.
function __kubectl_retina_complete
    set -l typed (commandline -opc)
    set -l program $typed[1]
    set -e typed[1]
    set -l current (commandline -ct)
    set -l lines ($program __complete $typed "$current" 2>/dev/null </dev/null)
    test (count $lines) -gt 0; or return
    set -l directive (string sub -s 2 -- $lines[-1])
    set -e lines[-1]
    set -l prefix (string match -r -- '^-[^=]*=' "$current")
    for line in $lines
        echo "$prefix$line"
    end
    if test (count $lines) -eq 0
        set -l path (string replace -r -- '^-[^=]*=' '' "$current")
        if test $directive -eq 16
            __fish_complete_directories "$path"
        else if test $directive -eq 0
            __fish_complete_path "$path"
        end
    end
end
complete -c kubectl-retina -f -a '(__kubectl_retina_complete)'
`;
