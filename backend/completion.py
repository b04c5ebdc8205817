"""Shell completion, written out of the command line's own parser."""

import argparse

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Source it: `eval "$(codeyard completion bash)"`, or for fish `codeyard completion fish | source`."""
    commands = {name: (sub, sub.description or "") for name, sub in _commands(parser).items()}
    if shell == "bash":
        return _bash({name: _words(sub) for name, (sub, _) in commands.items()})
    if shell == "zsh":
        return "autoload -U bashcompinit && bashcompinit\n" + _bash(
            {n: _words(sub) for n, (sub, _) in commands.items()}
        )
    lines = ["complete -c codeyard -f"]
    for name, (sub, text) in commands.items():
        quoted = text.replace("'", "\\'")
        lines.append(f"complete -c codeyard -n __fish_use_subcommand -a {name} -d '{quoted}'")
        lines += [f"complete -c codeyard -n '__fish_seen_subcommand_from {name}' -a '{word}'" for word in _words(sub)]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _words(parser: argparse.ArgumentParser) -> list[str]:
    found: list[str] = []
    for action in parser._actions:
        found += [option for option in action.option_strings if option.startswith("--")]
        found += [str(choice) for choice in action.choices or ()] if not action.option_strings else []
    return found


def _bash(words: dict[str, list[str]]) -> str:
    cases = "\n".join(f"    {name}) words='{' '.join(options)}' ;;" for name, options in words.items())
    return f"""_codeyard() {{
  local words='{" ".join(words)} --help --version'
  if [ "$COMP_CWORD" -gt 1 ]; then case "${{COMP_WORDS[1]}}" in
{cases}
    *) words='' ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _codeyard codeyard"""
