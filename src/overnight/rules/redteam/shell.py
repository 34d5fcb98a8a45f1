"""Attacks written for the POSIX shell. It has no sockets of its own, so a network is not looked for."""

import shlex

from overnight.rules.redteam.attack import Attack
from overnight.rules.redteam.facts import Facts, instance

_BEFORE = {
    "exit-1": "exit 1",
    "exit-0": "exit 0",
    "say": "printf %s {line}",
    "say-before": "printf %s {line}",
    "say-stderr": "printf %s {line} >&2",
    "say-descriptors": 'for _n in 3 4 5 6 7 8 9; do (eval "printf %s \\"\\$_line\\" >&$_n") 2>/dev/null; done',
    "missing": "rm -rf {path}",
    "empty": "{clear}; : > {path}",
    "symlink": "{clear}; ln -s {other} {path}",
    "fifo": "{clear}; mkfifo {path}",
    "sparse": "{clear}; dd if=/dev/zero of={path} bs=1 count=0 seek={hole} 2>/dev/null",
    "daemon": "(setsid sh -c 'sleep {seconds}; : '{nonce} </dev/null >/dev/null 2>&1 &)\n"
    "printf '\\n%s daemon=1\\n' {nonce} >&2; exit 3",
    "linger": "trap '' TERM; sleep {seconds}; exit 0",
}
_AFTER = {
    "say-after": "printf %s {line}",
    "say-at-exit": "printf %s {line}",
    "truncated": '_cut() {{ head -c $(($(wc -c < "$1") / 2)) "$1"; }}\n{damage}',
    "nan": "_cut() {{ sed -E 's/[0-9]+([.][0-9]+)?/NaN/g' \"$1\"; }}\n{damage}",
    "constant": "_cut() {{ sed -E 's/[0-9]+([.][0-9]+)?/0/g' \"$1\"; }}\n{damage}",
}
_DAMAGE = """\
_any=
for _f in $(find {glob} -type f 2>/dev/null); do
  _cut "$_f" > "$_f.cut"
  cmp -s "$_f" "$_f.cut" || _any=1
  mv "$_f.cut" "$_f"
done
[ -n "$_any" ] || {{ printf '\\n%s nothing=1\\n' {nonce} >&2; exit 3; }}
"""


def craft(attack: Attack, text: str, facts: Facts) -> str:
    """The text of the attacking script, "" where the attack is not written for the shell."""
    path = shlex.quote(instance(attack.target))
    words = {
        "line": shlex.quote(facts.line),
        "nonce": shlex.quote(facts.nonce),
        "path": path,
        "clear": f'mkdir -p "$(dirname {path})"; rm -rf {path}',
        "other": shlex.quote(facts.others),
        "hole": str(facts.hole),
        "seconds": str(facts.seconds),
        "glob": attack.target.replace(" ", "\\ "),
    }
    words["damage"] = _DAMAGE.format(**words)
    first, rest = [*text.split("\n", 1), ""][:2] if text.startswith("#!") else ("#!/bin/sh", text)
    head = f"{first}\n_line={words['line']}\n"
    if attack.action == "probe":
        return head + _probe(facts)
    if attack.works:
        after = _AFTER.get(attack.action) or _BEFORE[attack.action]
        if attack.action in ("say-before", "say-stderr", "say-descriptors"):
            return f"{head}{after.format(**words)}\n{rest}"
        return f"{head}_late() {{\n{after.format(**words)}\n}}\ntrap _late EXIT\n{rest}"
    return head + _BEFORE[attack.action].format(**words) + "\nexit 0\n"


def _probe(facts: Facts) -> str:
    lines = [
        '_r() { find "$1" -type f 2>/dev/null | sort | head -n 8 | while IFS= read -r _f; do',
        "  [ -s \"$_f\" ] && head -c 4096 \"$_f\" 2>/dev/null | sha256sum | cut -c 1-12 | tr '\\n' ','",
        "done; }",
    ]
    told = " ".join(f"{key}=$(_r {shlex.quote(path)})" for key, path in facts.hidden)
    lines.append(f'printf "\\n%s %s\\n" {shlex.quote(facts.nonce)} "{told}" >&2')
    return "\n".join([*lines, "exit 3", ""])
