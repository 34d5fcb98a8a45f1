"""What a candidate hands over: only plain files reach the judge, and their content is data."""

from acts import code
from boxes import every, gets_what_it_deserves
from catalogue import HONEST, PREVENTED, Cheat, Verdict, Word, failed, worthless

PLAIN = "only regular files with one name and a bounded size are taken over"
REPLACE = """
import os
def replace(make):
    if "--serve" in sys.argv: return
    os.remove("out/pred.txt")
    make()
"""


def artefact(row: str, does: str, make: str, *codes: str, by: str = PLAIN, drive: Verdict = PREVENTED) -> Cheat:
    """`make` puts something else in the place of out/pred.txt; a driven candidate hands over nothing that is read."""
    return Cheat(
        row=row,
        does=does,
        stopped_by=by,
        act=code(last=f"{REPLACE}\nreplace(lambda: {make})"),
        score=failed(*codes),
        drive=drive,
    )


def beside(row: str, does: str, make: str, score: Verdict, by: str = PLAIN, drive: Verdict = PREVENTED) -> Cheat:
    """`make` adds something beside out/pred.txt."""
    return Cheat(
        row=row,
        does=does,
        stopped_by=by,
        act=code(last=f"import os\n'--serve' in sys.argv or {make}"),
        score=score,
        drive=drive,
    )


ROW = "an artefact that is no plain file"
SPARSE = "os.truncate(os.open('out/pred.txt', os.O_CREAT | os.O_WRONLY), 1 << 40)"
LINES = "open('out/pred.txt', 'w').write('x\\n' * 8 + {0!r})"
CHEATS = (
    artefact(ROW, "a link to the answers", "os.symlink('../answers/search.txt', 'out/pred.txt')", "artifact"),
    artefact(ROW, "a link to itself", "os.symlink('pred.txt', 'out/pred.txt')", "artifact"),
    artefact(ROW, "a link to a device that never ends", "os.symlink('/dev/zero', 'out/pred.txt')", "artifact"),
    artefact(ROW, "a second name of another file", "os.link('train.py', 'out/pred.txt')", "artifact"),
    artefact(ROW, "a FIFO for which the judge would wait", "os.mkfifo('out/pred.txt')", "artifact"),
    artefact(ROW, "a socket", "__import__('socket').socket(1).bind('out/pred.txt')", "artifact"),
    artefact(
        ROW,
        "a device",
        "os.mknod('out/pred.txt', 0o20666, os.makedev(1, 5))",
        "artifact",
        "exit",
        drive=worthless("exit"),
    ),
    artefact(ROW, "a folder", "os.mkdir('out/pred.txt')", "artifact"),
    artefact(ROW, "a sparse terabyte", SPARSE, "artifact", "exit", "disk", drive=worthless("exit", "disk")),
    artefact(ROW, "nothing", "None", "artifact"),
    artefact(
        ROW, "an empty file", "open('out/pred.txt', 'w').close()", "exit", by="the judge, which counts the answers"
    ),
    artefact(
        ROW,
        "half a file",
        "open('out/pred.txt', 'w').write('0\\n3\\n')",
        "exit",
        by="the judge, which counts the answers",
    ),
    beside(ROW, "a folder that links to the answers", "os.symlink('../answers', 'out/more')", failed("artifact")),
    beside(
        ROW,
        "a file of the judge's name, above the globs",
        "open('judge.py', 'w').write('print(1)')",
        PREVENTED,
        by="only what `artifacts` names is taken over, and nothing of the judge's is replaced",
    ),
    beside(
        "sitecustomize, usercustomize, .pth",
        "hands over sitecustomize.py",
        "open('out/sitecustomize.py', 'w').close()",
        failed("artifact"),
        by="no artefact is code that the judge's interpreter could import",
    ),
    beside(
        "shadow a module of the standard library",
        "hands over json.so",
        "open('out/json.so', 'w').close()",
        failed("artifact"),
        by="no artefact is code that the judge's interpreter could import",
    ),
    beside(
        "names that lead astray",
        "hands over a name with a line break",
        "open('out/a\\nloss: 0.5', 'w').write('loss: 0.5')",
        PREVENTED,
        by="names are never printed where a number is read",
    ),
    beside(
        "names that lead astray",
        "hands over a name that is not text",
        "open(b'out/\\xff', 'w').close()",
        Verdict(word=Word.prevented, outcomes=("crash", "discard"), because=("artifact",), value=HONEST),
        by="names are bytes until they have been checked",
    ),
    beside(
        "huge or encoded blobs",
        "hands over more than the disk budget allows",
        "[open(f'out/{n}', 'wb').write(bytes(1 << 20)) for n in range(14)]",
        failed("disk", "exit", "artifact"),
        by="`budget.disk`",
        drive=failed("disk", "exit"),
    ),
)


@every(CHEATS)
def test_only_plain_files_reach_the_judge(studies, cheat, kind, tier):
    gets_what_it_deserves(studies, cheat, kind, tier)
