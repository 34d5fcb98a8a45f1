"""Keeps a laptop awake while experiments run."""

import shutil
import subprocess
import sys


def keep_awake(pid: int) -> str:
    """Inhibit sleep for as long as this process, `pid`, lives; "" or a warning that it cannot be done.

    The helper reads a pipe that only this process holds, so that it ends with it, however that ends.
    """
    if sys.platform == "darwin":
        command = ["caffeinate", "-i", "-w", str(pid)]
    else:
        why = ["--what=sleep:idle", "--who=overnight", "--why=experiments are running"]
        command = ["systemd-inhibit", *why, "cat"]
    if shutil.which(command[0]) is None:
        return f"nothing keeps this machine awake ({command[0]} is missing): switch off sleep before you go to bed"
    helper = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        helper.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        return ""
    return f"nothing keeps this machine awake ({command[0]} was refused): switch off sleep before you go to bed"
