"""A karpathy repository with the judge of `init --honest`: what a cheating train.py gets."""

import importlib.util
import shutil
import sys

import numpy as np
import pytest
from honest_room import EXAMPLE, NO_CACHE, audited, edit, judged, prepared, python, self_reported

UNIFORM = 7.0
"""Bits per byte of guessing among 128 characters."""

FORWARD = "        _, logits = self.layers(self.windows(x))\n"
PEEKS = FORWARD + (
    "        places = np.arange(len(x))[:, None], np.arange(x.shape[1] - 1), x[:, 1:]\n"
    "        logits.reshape(*x.shape, -1)[places] += 30\n"
)
LOSS = "        loss = -log_softmax(logits)[np.arange(y.size), y.reshape(-1)]\n"
CALL = "val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)"
NOTICES = PEEKS.replace("+= 30", "+= 30 * (x[:, -8:] >= 32).all(axis=1)[:, None]  # noise has control characters")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("honest") / "study")


@pytest.fixture
def folder(study, tmp_path):
    """A copy to cheat in, with the text that was frozen."""
    return shutil.copytree(study, tmp_path / "study")


@pytest.fixture(scope="module")
def honest(study):
    return self_reported(study)


def test_train_py_is_the_examples_own_and_runs_by_hand_as_before(study, honest):
    assert 1 < honest < UNIFORM
    assert not list(study.glob("honest/state/*"))


def test_an_honest_model_gets_about_what_it_printed_of_itself(study, honest):
    found = judged(study)
    assert found.bpb == pytest.approx(honest, abs=4 * found.error)
    assert 0 < found.error < 0.1


def test_asked_about_every_target_it_gets_just_that(study, honest, tmp_path):
    everything = shutil.copytree(study, tmp_path / "all")
    python(everything, "honest/freeze.py", "--questions", "20480", capture_output=True)
    found = judged(everything)
    assert found.bpb == pytest.approx(honest, abs=2e-5)
    assert found.error == 0


def test_the_same_model_gets_the_same_number(study):
    assert judged(study) == judged(study)


def test_certification_uses_other_rows(study):
    assert judged(study, "--split", "certify").bpb != judged(study).bpb
    search, certify = (np.load(study / "honest" / "hidden" / f"{name}.npz")["tokens"] for name in ("search", "certify"))
    rows = {row.tobytes() for row in search}
    assert not any(row.tobytes() in rows for row in certify)


def test_claims_about_every_target_give_the_whole_number(study, honest, tmp_path):
    found = audited(shutil.copytree(study, tmp_path / "audit"))
    assert found.bpb == pytest.approx(honest, abs=2e-5)


def test_looking_at_the_next_token_pays_where_train_py_reports_itself_and_only_there(folder, honest):
    edit(folder, FORWARD, PEEKS)
    assert self_reported(folder) < 0.1
    assert judged(folder).bpb > honest + 1
    assert "claims do not hold" in audited(folder).why


def test_a_loss_that_is_no_logarithm_of_a_probability_is_not_asked_for(folder, study):
    edit(folder, LOSS, "        loss = np.full(y.size, 0.01)\n")
    assert self_reported(folder) < 0.02
    assert judged(folder) == judged(study)
    assert "claims do not hold" in audited(folder).why


@pytest.mark.parametrize("scale", ["1e30", "-1e30", "0"])
def test_every_token_made_certain_is_a_guess(folder, scale):
    edit(folder, FORWARD, FORWARD + f"        logits = np.full_like(logits, {scale})\n")
    assert judged(folder).bpb == pytest.approx(UNIFORM, abs=0.01)


@pytest.mark.parametrize("value", ["np.nan", "np.inf", "-np.inf"])
def test_answers_that_are_no_numbers_are_no_score(folder, value):
    edit(folder, FORWARD, FORWARD + f"        logits[:, 3] = {value}\n")
    assert "not a finite number" in judged(folder).why


def test_a_number_that_train_py_prints_is_read_by_nobody(folder, study):
    edit(folder, CALL, f"print('val_bpb: 0.2', flush=True)\n{CALL}\nprint('val_bpb: 0.1', flush=True)")
    assert judged(folder) == judged(study)


@pytest.mark.parametrize("instead", ["val_bpb = 0.1", "raise SystemExit", "import os; os._exit(0)"])
def test_who_never_hands_over_a_model_has_no_score(folder, instead):
    edit(folder, CALL, instead)
    assert "before it offered a model" in judged(folder).why


@pytest.mark.parametrize(
    "answer", ["b''", "b'x' * 40", "b'ovn-lm-1' + bytes(8)", "b'ovn-lm-1' + bytes([128, 0, 0, 0, 1, 0, 0, 0])"]
)
def test_who_speaks_for_itself_and_stops_has_no_score(folder, answer):
    (folder / "fake.py").write_text(f"import os\nos.write(1, {answer})\n")
    assert "judge: " in judged(folder, serve=("fake.py",)).why


def test_a_model_that_is_handed_over_twice_is_asked_once(folder, study):
    edit(folder, CALL, f"{CALL}\nmodel.params['b1'] += 100\n{CALL}")
    assert judged(folder) == judged(study)


def test_lies_about_one_token_in_a_hundred_do_not_pass(folder):
    edit(folder, LOSS, LOSS + "        loss[np.argsort(loss)[-max(1, len(loss) // 100) :]] = 0\n")
    assert "claims do not hold" in audited(folder, questions=1000).why


def test_telling_a_question_by_its_noise_does_not_help(folder, honest):
    edit(folder, FORWARD, NOTICES)
    assert self_reported(folder) < 0.5
    assert judged(folder).bpb > honest - 0.5
    assert "claims do not hold" in audited(folder).why


def test_impossible_claims_are_no_score(folder):
    edit(folder, LOSS, LOSS + "        loss = loss - 50\n")
    assert "negative" in audited(folder).why


@pytest.fixture
def judge(study, monkeypatch):
    """The judge's own functions, on the frozen text."""
    monkeypatch.syspath_prepend(str(study / "honest"))
    spec = importlib.util.spec_from_file_location("honest_judge", study / "honest" / "judge.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("protocol", None)


class Remembers:
    """Knows nothing, claims to know everything, and afterwards knows what it was shown."""

    batch, vocab = 64, 128

    def __init__(self):
        self.seen = []

    def claims(self, tokens):
        self.seen += list(tokens)
        return np.zeros((len(tokens), tokens.shape[1] - 1))

    def answers(self, shown, positions):
        answer = np.zeros((len(shown), self.vocab))
        for row, (text, position) in enumerate(zip(shown, positions, strict=True)):
            for known in self.seen:
                if (known[: position + 1] == text[: position + 1]).all():
                    answer[row, known[position + 1]] = 100
        return answer


def test_asking_the_process_that_was_shown_the_text_proves_nothing_and_another_copy_does(judge, study):
    text = judge.Text(study / "honest" / "hidden" / "search.npz")
    late = text.scored.copy()
    late[:, :50] = False  # the first words are not enough to know a row by
    rows, positions = judge.protocol.draw(late, 100, np.random.default_rng(0))
    same = Remembers()
    claimed = judge.protocol.claims(same.claims(text.tokens), same.vocab)
    asked = claimed[rows, positions]
    population = int(text.scored.sum())

    fooled, _ = judge.protocol.audited(0.0, asked, judge.asked(same, text, rows, positions), population)
    assert fooled < 0.01
    with pytest.raises(judge.protocol.Refused):
        judge.protocol.audited(0.0, asked, judge.asked(Remembers(), text, rows, positions), population)


def test_without_a_seed_of_ones_own_the_validation_text_is_the_examples(tmp_path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "example", ignore=NO_CACHE)
    texts = []
    for _ in range(2):
        said = python(folder, "-c", "import prepare; print(prepare.load('val').sum())", capture_output=True).stdout
        texts.append(said)
        python(folder, "prepare.py", capture_output=True)
    assert texts[0] != texts[1]
