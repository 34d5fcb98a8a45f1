"""Stands in the place of ../prepare.py while overnight measures: `from prepare import ...` finds this file.

Everything is the original's, but for `evaluate_bpb`: the validation text is not here. The first call hands the model to
the judge, which is another process in another box, asks for predictions and keeps what came to itself.

What the model must do: `model(tokens)` on (rows, T) tokens gives (rows, T, vocabulary) logits, in torch or in numpy.
What the judge makes of the answers is in protocol.py. Nothing in this file is trusted by it.
"""

import importlib.util
import struct
import sys
from pathlib import Path

import numpy as np

MAGIC = b"ovn-lm-1"
ASK, CLAIM = b"A", b"C"
STATE = Path(__file__).resolve().parent / "state" / "model"


def _original():
    path = Path(__file__).resolve().parent.parent / "prepare.py"
    spec = importlib.util.spec_from_file_location("original_prepare", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["original_prepare"] = module
    spec.loader.exec_module(module)
    return module


original = _original()
globals().update({name: value for name, value in vars(original).items() if not name.startswith("__")})
_wire = None
_mode = ""


def connect(mode, from_judge=None, to_judge=None):
    """What `evaluate_bpb` shall do: "export" the model, "serve" the live one, or "replay" an exported one."""
    global _mode, _wire, TIME_BUDGET
    _mode, _wire = mode, (from_judge, to_judge)
    if mode == "replay":
        TIME_BUDGET = 1e-9  # the model is there already: train.py only has to build it


def evaluate_bpb(model, tokenizer, batch_size, *_args, **_options):
    """Not a number: the judge says it, in its own process. Only the first call counts."""
    global _mode
    mode, _mode = _mode, "done"
    if not mode:
        raise RuntimeError("honest/prepare.py is for honest/serve.py; by hand, run `python train.py`")
    if mode == "export":
        _save(model)
    if mode == "replay":
        _load(model)
    if mode in ("serve", "replay"):
        _serve(model, tokenizer.get_vocab_size(), batch_size)
    print("val_bpb is measured outside this process, by the judge")
    return float("nan")


def _serve(model, vocab, batch_size):
    from_judge, to_judge = _wire
    to_judge.write(MAGIC + struct.pack("<II", vocab, batch_size))
    to_judge.flush()
    while head := from_judge.read(9):
        kind, (rows, length) = head[:1], struct.unpack("<II", head[1:])
        if kind == ASK:
            positions = _numbers(from_judge, rows)
            answer = _logits(model, _numbers(from_judge, rows, length), positions, batch_size)[:, :vocab]
        else:
            answer = _claims(model, _numbers(from_judge, rows, length + 1), batch_size)
        to_judge.write(np.ascontiguousarray(answer, dtype="<f4").tobytes())
        to_judge.flush()


def _numbers(source, *shape):
    size = 4 * int(np.prod(shape))
    data = source.read(size)
    if len(data) < size:
        raise EOFError("the judge ended in the middle of a question")
    return np.frombuffer(data, dtype="<u4").reshape(shape).astype(np.int64)


def _padded(rows, size):
    """Rows of one shape always, so that a compiled model is compiled once."""
    missing = max(0, size - len(rows))
    return np.concatenate([rows, np.repeat(rows[:1], missing, axis=0)])


def _torch(model):
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(model, torch.nn.Module) else None


def _logits(model, tokens, positions, size):
    count, rows = len(tokens), _padded(tokens, size)
    places = np.arange(count)
    torch = _torch(model)
    if torch is None:
        return np.asarray(model(rows))[places, positions]
    with torch.no_grad():
        device = next(model.parameters()).device
        logits = model(torch.as_tensor(rows, device=device))
        places, positions = torch.as_tensor(places, device=device), torch.as_tensor(positions, device=device)
        return logits[places, positions].float().cpu().numpy()


def _claims(model, tokens, size):
    count, rows = len(tokens), _padded(tokens, size)
    x, y = np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, 1:])
    torch = _torch(model)
    if torch is None:
        return np.asarray(model(x, y, reduction="none")).reshape(x.shape)[:count]
    with torch.no_grad():
        device = next(model.parameters()).device
        x, y = torch.as_tensor(x, device=device), torch.as_tensor(y, device=device)
        return model(x, y, reduction="none").view(x.shape)[:count].float().cpu().numpy()


def _save(model):
    """What `state_dict` holds, as train.py's own process will load it again; no judge ever reads it."""
    STATE.parent.mkdir(exist_ok=True)
    torch = _torch(model)
    if torch is None:
        with STATE.open("wb") as file:
            np.savez(file, **model.state_dict())
    else:
        torch.save(model.state_dict(), STATE)


def _load(model):
    torch = _torch(model)
    if torch is None:
        with np.load(STATE) as saved:
            model.load_state_dict(dict(saved))
    else:
        model.load_state_dict(torch.load(STATE, map_location=next(model.parameters()).device))
