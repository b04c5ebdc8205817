"""Shell completion, written out of the command line's own parser."""

import argparse

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Source it: `eval "$(codeyard completion bash)"`, or for fish `codeyard completion fish | source`."""
    if shell == "bash":
        return _bash(parser)
    if shell == "zsh":
        return (
            "(( $+functions[compdef] )) || { autoload -U compinit && compinit -i }\n"  # a .zshrc need not have done so
            "autoload -U bashcompinit && bashcompinit\n" + _bash(parser)
        )
    lines = ["complete -c codeyard -f", "complete -c codeyard -n '__fish_seen_subcommand_from cp' -F"]
    for name, sub in _below(parser).items():
        lines.append(f"complete -c codeyard -n __fish_use_subcommand -a {name} -d {_quote(sub.description or '')}")
        seen = f"__fish_seen_subcommand_from {name}"
        verbs = _below(sub)
        here = f"{seen}; and not __fish_seen_subcommand_from {' '.join(verbs)}" if verbs else seen
        for word in _words(sub):
            about = f" -d {_quote(verbs[word].description or '')}" if word in verbs else ""
            lines.append(f"complete -c codeyard -n '{here}' -a '{word}'{about}")
        for verb, leaf in verbs.items():
            both = f"{seen}; and __fish_seen_subcommand_from {verb}"
            lines += [f"complete -c codeyard -n '{both}' -a '{word}'" for word in _words(leaf)]
    return "\n".join(lines)


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Its commands, or those of a noun."""
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


def _quote(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"


def _bash(parser: argparse.ArgumentParser) -> str:
    """Cases by the words typed so far, the more particular first; files where there are none. For zsh, too, which reads a length
    only where it stands as a number or in $((…))."""
    cases = []
    for name, sub in _below(parser).items():
        cases += [f"    '{name} {verb} '*) words='{' '.join(_words(leaf))}' ;;" for verb, leaf in _below(sub).items()]
        cases.append(f"    '{name} '*) words='{' '.join(_words(sub))}' ;;")
    newline = "\n"
    return f"""_codeyard() {{
  local before="${{COMP_WORDS[*]:1:$((COMP_CWORD - 1))}} " words
  case "$before" in
    ' ') words='{" ".join(_words(parser))}' ;;
{newline.join(cases)}
    *) words='' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _codeyard codeyard"""
