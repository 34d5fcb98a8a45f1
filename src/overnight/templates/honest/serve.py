"""Runs ../train.py with honest/prepare.py in the place of prepare.py. Locked; train.py needs no change.

    python honest/serve.py             trains, then answers the judge's questions over stdin and stdout
    python honest/serve.py --export    trains, then saves the model in honest/state
    python honest/serve.py --replay    trains for no time, loads the model from honest/state, answers

Whatever train.py prints goes to stderr: stdout is the judge's.
"""

import os
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
MODES = {(): "serve", ("--export",): "export", ("--replay",): "replay"}


def main():
    mode = MODES.get(tuple(sys.argv[1:]))
    if mode is None:
        sys.exit(__doc__)
    from_judge, to_judge = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.path[:0] = [str(FOLDER), str(ROOT)]
    import prepare

    prepare.connect(mode, from_judge, to_judge)
    sys.argv = ["train.py"]
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")


if __name__ == "__main__":
    main()
