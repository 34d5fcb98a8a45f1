"""Attacks written in JavaScript for Node.js. Descriptors are left alone: Node keeps some for itself."""

import json
import re

from overnight.rules.globs import compile_glob
from overnight.rules.redteam.attack import Attack
from overnight.rules.redteam.facts import Facts, instance

_MODULE = re.compile(r"^\s*(?:import[\s{*\"']|export\s)", re.MULTILINE)

_HELPERS = """
const _clear = (path) => {
  _fs.mkdirSync(_path.dirname(path), { recursive: true });
  _fs.rmSync(path, { force: true });
  return path;
};
const _report = (text) => { _fs.writeSync(2, `\\n${_c.nonce} ${text}\\n`); process.exit(3); };
const _walk = (path) => {
  try {
    if (!_fs.statSync(path).isDirectory()) return [path];
    return _fs.readdirSync(path).flatMap((name) => _walk(_path.join(path, name)));
  } catch { return []; }
};
const _files = () => {
  if (!_c.pattern) return _walk(_path.join(_start, _c.path));
  const shape = new RegExp(_c.pattern);
  return _walk(_start).filter((name) => shape.test(_path.relative(_start, name)));
};
const _damage = (change) => process.on('exit', () => {
  let changed = false;
  for (const name of _files()) {
    const data = _fs.readFileSync(name, 'latin1');
    const other = change(data);
    changed ||= other !== data;
    _fs.writeFileSync(name, other, 'latin1');
  }
  if (changed) return;
  _fs.writeSync(2, `\\n${_c.nonce} nothing=1\\n`);
  process.exitCode = 3;
});
"""
_ACTIONS = {
    "exit-1": "process.exit(1);",
    "exit-0": "process.exit(0);",
    "say": "_fs.writeSync(1, _c.line); process.exit(0);",
    "say-before": "_fs.writeSync(1, _c.line);",
    "say-after": "process.on('exit', () => _fs.writeSync(1, _c.line));",
    "say-at-exit": "process.on('exit', () => _fs.writeSync(1, _c.line));",
    "say-stderr": "_fs.writeSync(2, _c.line);",
    "missing": "_clear(_c.path); process.exit(0);",
    "empty": "_fs.writeFileSync(_clear(_c.path), ''); process.exit(0);",
    "symlink": "_fs.symlinkSync(_c.other, _clear(_c.path)); process.exit(0);",
    "fifo": "_child.execFileSync('mkfifo', [_clear(_c.path)]); process.exit(0);",
    "sparse": "_fs.writeFileSync(_clear(_c.path), ''); _fs.truncateSync(_c.path, _c.hole); process.exit(0);",
    "truncated": "_damage((data) => data.slice(0, Math.floor(data.length / 2)));",
    "constant": "_damage((data) => data.replace(/\\d+(\\.\\d+)?/g, '0'));",
    "nan": "_damage((data) => data.replace(/\\d+(\\.\\d+)?/g, 'NaN'));",
    "probe": """
const _heads = (path) => _walk(path).sort().slice(0, 8).map((name) => {
  try {
    const data = _fs.readFileSync(name).subarray(0, 4096);
    return data.length ? _crypto.createHash('sha256').update(data).digest('hex').slice(0, 12) : '';
  } catch { return ''; }
}).filter(Boolean).join(',');
const _reached = (address) => new Promise((done) => {
  try {
    const one = _net.connect(address, () => { one.destroy(); done(1); });
    one.setTimeout(1000, () => done(0)).on('error', () => done(0));
  } catch { done(0); }
});
Promise.all([_reached({ host: '127.0.0.1', port: _c.port }), _reached({ path: '\\0' + _c.socket })]).then((got) => {
  const told = _c.hidden.map(([key, path]) => `${key}=${_heads(path)}`);
  _report([...told, `loopback=${got[0]}`, `abstract=${got[1]}`].join(' '));
});
""",
    "daemon": """
_child.spawn(process.execPath, ['-e', `setTimeout(() => {}, ${_c.seconds * 1000})`, _c.nonce],
  { detached: true, stdio: 'ignore' }).unref();
_report('daemon=1');
""",
    "linger": "process.on('SIGTERM', () => {}); setTimeout(() => process.exit(0), _c.seconds * 1000);",
}
_LATE = {"missing", "empty", "symlink", "fifo", "sparse"}


def _pattern(glob: str) -> str:
    """The glob as a regular expression of JavaScript, "" where it names one file."""
    if not set(glob) & set("*?["):
        return ""
    # The one construct of Python's that JavaScript lacks: a dot that matches line ends.
    return f"^(?:{compile_glob(glob, below=True).pattern.replace('(?s:.+)', '[^]+')})$"


def craft(attack: Attack, text: str, facts: Facts) -> str:
    """The text of the attacking module, "" where the attack is not written for Node.js."""
    action = _ACTIONS.get(attack.action, "")
    if not action:
        return ""
    constants = {
        "nonce": facts.nonce, "line": facts.line, "hidden": facts.hidden, "port": facts.port, "socket": facts.socket,
        "seconds": facts.seconds, "path": instance(attack.target), "hole": facts.hole, "other": facts.others,
        "pattern": _pattern(attack.target),
    }  # fmt: skip
    modern = bool(_MODULE.search(text))
    names = (("_fs", "fs"), ("_path", "path"), ("_net", "net"), ("_child", "child_process"), ("_crypto", "crypto"))
    load = 'import * as {} from "node:{}";' if modern else 'const {} = require("node:{}");'
    head = " ".join(load.format(*pair) for pair in names)
    head += f"\nconst _c = {json.dumps(constants)}; const _start = process.cwd();{_HELPERS}"
    if not attack.works:
        return head + action + "\n"
    if attack.action in _LATE:
        late = action.removesuffix(" process.exit(0);")
        action = f"process.on('exit', () => {{ {late} }});"
    first, rest = [*text.split("\n", 1), ""][:2] if text.startswith("#!") else ("", text)
    return f"{first}\n{head}{action}\n{rest}" if first else f"{head}{action}\n{rest}"
