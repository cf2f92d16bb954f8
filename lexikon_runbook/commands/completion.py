"""`lexikon-runbook completion`."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL, for your shell's start file.

    \b
    Examples
      lexikon-runbook completion bash >> ~/.bashrc
      lexikon-runbook completion zsh >> ~/.zshrc
      lexikon-runbook completion fish > ~/.config/fish/completions/lexikon-runbook.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        root = context.find_root().command
        click.echo(found(root, {}, "lexikon-runbook", "_LEXIKON_RUNBOOK_COMPLETE").source())
