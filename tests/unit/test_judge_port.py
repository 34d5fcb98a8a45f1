"""Judging by `drive: {over: port}`: the judge talks to a server that only it can reach."""

import socket

import pytest
from judge_room import PYTHON, JudgeRoom

from overnight.model.contract import Budget, Drive
from overnight.model.experiment import Trust
from overnight.model.value import lookup

SERVER = """
import http.server, os, sys
class Double(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = str(2 * int(self.path[1:])).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
"""
SERVE = SERVER + "Server(('127.0.0.1', int(os.environ['OVERNIGHT_PORT'])), Double).serve_forever()\n"
JUDGE = """
import os, urllib.request
url = os.environ["OVERNIGHT_CANDIDATE_URL"]
def ask(number):
    return int(urllib.request.urlopen(f"{url}/{number}").read())
"""
SUM = "from ask import *\nprint('loss:', sum(ask(q) for q in open('answers').read().split()))\n"


@pytest.fixture
def room(tmp_path):
    room = JudgeRoom(tmp_path, {"ask.py": JUDGE, "judge.py": SUM, "train.sh": "true"})
    room.write({"answers": "1 2 3"})
    return room


def driven(room, serve=SERVE, judge="", **keys):
    drive = Drive(
        judge=f"{PYTHON} -c '{judge}'" if judge else f"{PYTHON} judge.py", serve=f"{PYTHON} train.sh", over="port"
    )
    return room.measure(serve, **{"drive": drive, "hide": ("answers",), **keys})


def failure(room, serve=SERVE, judge="", **keys):
    measurement = driven(room, serve, judge, **keys)
    assert measurement.failure is not None, measurement.values
    return measurement.failure


def test_a_judge_measures_a_real_http_server(room):
    measurement = driven(room)
    assert measurement.failure is None
    assert lookup(measurement.values, "loss") == 12
    assert measurement.trust is Trust.scored


def test_one_connection_carries_many_requests(room):
    judge = """
import http.client, os
talk = http.client.HTTPConnection(os.environ["OVERNIGHT_CANDIDATE_HOST"], int(os.environ["OVERNIGHT_CANDIDATE_PORT"]))
talk.connect()
first, total = talk.sock, 0
for number in range(100):
    talk.request("GET", f"/{number}")
    total += int(talk.getresponse().read())
    assert talk.sock is first
print("loss:", total)"""
    assert lookup(driven(room, judge=judge).values, "loss") == 9900


def test_many_connections_at_once_do_not_meet(room):
    judge = """
from concurrent.futures import ThreadPoolExecutor
from ask import ask
with ThreadPoolExecutor(30) as pool:
    answers = list(pool.map(ask, range(150)))
print("loss:", int(answers == [2 * number for number in range(150)]))"""
    assert lookup(driven(room, judge=judge).values, "loss") == 1


def test_bytes_of_any_kind_and_number_pass_both_ways_and_each_end_is_told(room):
    serve = """
import os, socket
listener = socket.create_server(("127.0.0.1", int(os.environ["OVERNIGHT_PORT"])))
while True:
    talk, _ = listener.accept()
    data = b""
    while piece := talk.recv(65536):
        data += piece
    talk.sendall(data[::-1])
    talk.close()
"""
    judge = """
import os, socket
data = bytes(range(256)) * 8000
talk = socket.create_connection((os.environ["OVERNIGHT_CANDIDATE_HOST"], os.environ["OVERNIGHT_CANDIDATE_PORT"]))
talk.sendall(data)
talk.shutdown(socket.SHUT_WR)
back = b""
while piece := talk.recv(65536):
    back += piece
print("loss:", int(back == data[::-1]))"""
    assert lookup(driven(room, serve, judge).values, "loss") == 1


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "::1"])
def test_a_server_may_listen_at_any_address_of_its_own(room, address):
    serve = (
        SERVER.replace("128", "128\n    address_family = __import__('socket').AF_INET6") if ":" in address else SERVER
    )
    serve += f"Server(({address!r}, int(os.environ['OVERNIGHT_PORT'])), Double).serve_forever()\n"
    assert lookup(driven(room, serve).values, "loss") == 12


def test_the_server_sees_no_connection_but_the_judges(room):
    serve = """
import os, socket
listener = socket.create_server(("127.0.0.1", int(os.environ["OVERNIGHT_PORT"])))
talk, _ = listener.accept()
talk.sendall(b"I was first")
__import__("time").sleep(60)
"""
    judge = """
import os, socket
talk = socket.create_connection((os.environ["OVERNIGHT_CANDIDATE_HOST"], os.environ["OVERNIGHT_CANDIDATE_PORT"]))
print("loss:", len(talk.recv(100)))"""
    assert lookup(driven(room, serve, judge).values, "loss") == len(b"I was first")


def test_the_candidate_reaches_nothing_of_the_judge_or_the_machine(room, free_server):
    serve = (
        SERVER
        + f"""
import socket, threading
def reachable(port):
    with socket.socket() as trial:
        trial.settimeout(1)
        return trial.connect_ex(("127.0.0.1", port)) == 0
class Tell(Double):
    def do_GET(self):
        self.path = "/" + str(int(reachable(9000)) + int(reachable({free_server})))
        super().do_GET()
Server(("127.0.0.1", int(os.environ["OVERNIGHT_PORT"])), Tell).serve_forever()
"""
    )
    judge = 'import socket; s = socket.create_server(("127.0.0.1", 9000)); from ask import ask; print("loss:", ask(0))'
    assert lookup(driven(room, serve, judge).values, "loss") == 0


def test_the_judge_reaches_the_candidate_and_nothing_of_the_machine(room, free_server):
    judge = f"""
import socket
from ask import ask
with socket.socket() as trial:
    print("loss:", ask(1) + 10 * (trial.connect_ex(("127.0.0.1", {free_server})) == 0))"""
    assert lookup(driven(room, judge=judge).values, "loss") == 2


@pytest.fixture
def free_server():
    """A port of the machine at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_candidate_knows_neither_split_nor_the_judges_seed(room):
    serve = SERVER + (
        "Double.do_GET = (lambda old: lambda self: (setattr(self, 'path', '/' + os.environ['OVERNIGHT_SEED']), "
        "old(self)))(Double.do_GET)\n"
        "assert 'OVERNIGHT_SPLIT' not in os.environ\n"
    )
    serve += SERVE.removeprefix(SERVER)
    assert lookup(driven(room, serve, 'from ask import ask; print("loss:", int(ask(0) != 2 * 7))').values, "loss") == 1


@pytest.mark.parametrize(
    ("serve", "end"),
    [
        ("import sys; print('last words'); sys.exit(3)", "exited with code 3 before it listened on port 8000"),
        ("print('last words')", "exited with code 0 before it listened"),
        ("import os; print('last words', flush=True); os.kill(os.getpid(), 9)", "was killed by signal 9 before"),
        (
            "print('last words', flush=True); import time; time.sleep(60)",
            "did not listen on port 8000 ($OVERNIGHT_PORT)",
        ),
    ],
)
def test_a_candidate_that_never_listens_is_named_with_its_last_words(room, serve, end):
    found = failure(room, serve, budget=Budget(wall=3, grace=0))
    assert found.code == "driver"
    assert end in found.detail
    assert "last words" in found.tail


@pytest.mark.parametrize("code", [0, 3])
def test_a_candidate_that_dies_while_it_is_asked_is_a_failure_whatever_the_judge_makes_of_it(room, code):
    serve = SERVER + f"Double.do_GET = lambda self: os._exit({code})\n" + SERVE.removeprefix(SERVER)
    judge = """
from ask import ask
try:
    ask(1)
except OSError:
    import time
    time.sleep(10)
print("loss: 1")"""
    measurement = driven(room, serve, judge)
    assert measurement.failure is not None
    assert measurement.failure.code == "driver"
    assert (
        measurement.failure.detail == f"The candidate's `serve` exited with code {code} before the judge had finished."
    )
    assert measurement.seconds < 9


def test_a_connection_that_the_candidate_breaks_off_is_broken_for_the_judge(room):
    serve = """
import os, socket
listener = socket.create_server(("127.0.0.1", int(os.environ["OVERNIGHT_PORT"])))
while True:
    talk, _ = listener.accept()
    talk.recv(10)
    talk.close()
"""
    judge = 'import os\ntry:\n    from ask import ask; ask(1)\nexcept OSError as error:\n    print("loss:", 5)'
    assert lookup(driven(room, serve, judge).values, "loss") == 5


def test_a_judge_that_fails_is_named(room):
    found = failure(room, judge='raise SystemExit("I am broken")')
    assert found.code == "driver"
    assert found.detail.startswith("`drive.judge` exited with code 1 while the candidate")
    assert "I am broken" in found.tail


@pytest.mark.parametrize(
    ("serve", "judge", "code"),
    [
        (SERVE, "import time; time.sleep(60)", "timeout"),
        (SERVE, "print(1)", "no-metric"),
        ("while True: print('x' * 1000)", "", "output"),
        (
            "import subprocess, time\nfor _ in range(9): subprocess.Popen(['sleep', '60'])\ntime.sleep(60)",
            "",
            "pids",
        ),
    ],
)
def test_each_other_way_to_fail_has_its_code(room, serve, judge, code):
    budget = Budget(wall=3, output=10_000, grace=0, pids=6)
    assert failure(room, serve, judge, budget=budget).code == code


def test_waiting_for_the_port_is_part_of_the_wall_time(room):
    serve = "import time; time.sleep(1)\n" + SERVE
    measurement = driven(room, serve, budget=Budget(wall=20, grace=0))
    assert measurement.failure is None
    assert (lookup(measurement.values, "wall_seconds") or 0) > 1
