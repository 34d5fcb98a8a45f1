"""The plan of an ablation, case by case."""

from overnight.rules.ablation import Loss, Standing, Trial, ablate, most_trials


def loss(mean: float, give: float = 0.0) -> Loss:
    return Loss(mean=mean, low=mean - give, high=mean + give)


def told(lineage: tuple[int, ...], answers: dict[tuple[int, ...], Trial], least: float = 0.0) -> Standing:
    """The standing after every question was answered from `answers`."""
    known: dict[frozenset[int], Trial] = {}
    while (standing := ablate(lineage, known, least)).ask:
        known[frozenset(standing.ask)] = answers[standing.ask]
    return standing


def test_one_change_is_all_of_the_gain_and_needs_no_trial():
    assert ablate((4,), {}) == Standing(kept=(4,))
    assert ablate((), {}) == Standing()
    assert most_trials(1) == 0


def test_the_latest_change_is_tried_first():
    assert ablate((1, 4, 9), {}).ask == (9,)


def test_what_cost_nothing_alone_is_taken_out_together_before_it_goes():
    answers = {(9,): loss(3), (4,): loss(0), (1,): loss(0), (1, 4): loss(0)}
    found = told((1, 4, 9), answers)
    assert (found.kept, found.removed) == ((9,), (1, 4))
    assert dict(found.losses) == {1: loss(0), 4: loss(0), 9: loss(3)}


def test_of_two_changes_that_do_the_same_one_stays():
    answers = {(3,): loss(0), (2,): loss(0), (1,): loss(5), (2, 3): loss(4)}
    found = told((1, 2, 3), answers)
    assert found.removed in {(2,), (3,)}


def test_small_losses_that_add_up_are_given_up_one_after_the_other_the_smallest_first():
    answers = {
        (4,): loss(0.9, 1), (3,): loss(0.1, 1), (2,): loss(0.5, 1), (1,): loss(9, 1),
        (2, 3, 4): loss(1.5, 1), (2, 3): loss(0.6, 1),
    }  # fmt: skip
    found = told((1, 2, 3, 4), answers)
    assert (found.removed, found.kept, found.proven) == ((2, 3), (1, 4), (1,))


def test_a_loss_below_the_smallest_that_counts_is_none():
    answers = {(2,): loss(0.4), (1,): loss(7)}
    assert told((1, 2), answers, least=0.5).removed == (2,)
    assert told((1, 2), answers).removed == ()


def test_all_changes_at_once_are_the_unchanged_code_and_never_asked_for():
    answers = {(2,): loss(0), (1,): loss(0)}
    found = told((1, 2), answers)
    assert len(found.kept) == 1


def test_a_change_whose_absence_gives_no_number_stays():
    found = told((1, 2), {(2,): "fails", (1,): loss(0)})
    assert (found.kept, found.needed, found.proven, found.removed) == ((2,), (2,), (2,), (1,))


def test_an_entangled_change_is_tried_again_once_what_stands_on_it_is_gone():
    answers: dict[tuple[int, ...], Trial] = {(3,): loss(0), (2,): loss(4), (1,): "entangled", (1, 3): loss(0)}
    found = told((1, 2, 3), answers)
    assert (found.removed, found.entangled) == ((1, 3), ())


def test_an_entangled_change_that_matters_beside_the_others_has_their_loss():
    answers: dict[tuple[int, ...], Trial] = {(3,): loss(0), (2,): loss(4), (1,): "entangled", (1, 3): loss(6)}
    found = told((1, 2, 3), answers)
    assert (found.removed, found.entangled) == ((3,), ())
    assert dict(found.losses)[1] == loss(6)


def test_a_change_that_can_never_go_alone_is_named():
    answers: dict[tuple[int, ...], Trial] = {(3,): loss(0), (2,): loss(4), (1,): "entangled", (1, 3): "entangled"}
    found = told((1, 2, 3), answers)
    assert (found.kept, found.entangled) == ((1, 2), (1,))
    assert 1 not in dict(found.losses)


def test_before_everything_is_tried_only_what_was_tried_is_taken_out():
    known = {frozenset((5,)): loss(0), frozenset((4,)): loss(0)}
    found = ablate((1, 2, 3, 4, 5), known)
    assert found.ask == (3,)
    assert len(found.removed) == 1


def test_blocks_are_tried_once_most_changes_have_proved_worthless():
    lineage = tuple(range(1, 13))
    known = {frozenset((number,)): loss(0) for number in (12, 11, 10, 9)}
    assert ablate(lineage, known).ask == (7, 8)
    assert ablate(lineage, known | {frozenset((7, 8)): loss(2)}).ask == (8,)
    assert ablate(lineage, known | {frozenset((7, 8)): loss(0)}).ask == (5, 6)


def test_answers_about_other_changes_are_not_used():
    assert ablate((1, 2), {frozenset((7,)): loss(0), frozenset((1, 2)): loss(0)}).ask == (2,)
