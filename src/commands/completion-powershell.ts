/** For Windows PowerShell 5.1 and for PowerShell 7. */
export const powershell = `# Completion of kubectl-retina for PowerShell; load it with: kubectl-retina completion powershell | Out-String | Invoke-Expression
# kubectl retina is completed by kubectl's own script, which calls kubectl_complete-retina.
Register-ArgumentCompleter -Native -CommandName 'kubectl-retina' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $typed = @($commandAst.CommandElements |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString().Trim('"', "'") })
    $words = @($typed | Select-Object -Skip 1)
    if ($wordToComplete -eq '') {
        # Before 7.3, an empty argument is lost unless it is quoted.
        if ($PSVersionTable.PSVersion -lt [version]'7.3') { $words += '""' } else { $words += '' }
    }
    $lines = @(& $typed[0] __complete @words 2>$null)
    if ($lines.Count -eq 0) { return }
    $directive = [int]$lines[-1].Substring(1)
    $prefix = if ($wordToComplete -match '^-[^=]*=') { $Matches[0] } else { '' }
    $space = if ($directive -band 2) { '' } else { ' ' }
    $lines | Select-Object -SkipLast 1 | ForEach-Object {
        $name, $description = $_ -split "\`t", 2
        if (-not $description) { $description = $name }
        [System.Management.Automation.CompletionResult]::new("$prefix$name$space", $name, 'ParameterValue', $description)
    }
}
`;
