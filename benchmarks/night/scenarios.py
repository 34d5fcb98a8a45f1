"""The worlds in which policies are compared, by name."""

from dataclasses import dataclass, replace

from world import Landscape, Meter, World

_PLAIN = Landscape()
_SIGMA_8 = Meter(sigma=8.0)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of night. `title` is its row in a table; `gate` = the contract has a gate split."""

    name: str
    title: str
    landscape: Landscape = _PLAIN
    meter: Meter = _SIGMA_8
    gate: bool = False

    def world(self, seed: int) -> World:
        """A fresh world of this kind."""
        return World(seed, self.landscape, self.meter)


_BLIND = replace(_PLAIN, hint_true=0.0, hint_false=0.0)
_VALLEYS = replace(_PLAIN, valleys=40, share_half=0.2, share_null=0.18)
_FLAT = replace(_PLAIN, valleys=0, share_half=0.0)
_CLIMB = replace(_PLAIN, harm_scale=4.0, share_idea=0.33, share_null=0.0)
_RARE = replace(_CLIMB, share_idea=0.05)
_NOTHING = replace(_PLAIN, ideas=0, valleys=0, share_idea=0.0, share_half=0.0, share_null=1.0)
_FITS = Meter(sigma=2.0, tau=8.0, tau_own=4.0, tau_holdout=4.0)
_FITS_LESS = Meter(sigma=2.0, tau=4.0, tau_own=2.0, tau_holdout=2.0)


def _noises() -> list[Scenario]:
    rows = []
    for sigma in (0, 4, 8, 16):
        meter = Meter(sigma=sigma)
        rows.append(Scenario(name=f"sigma{sigma}", title=f"noise sigma {sigma}", meter=meter))
        rows.append(
            Scenario(name=f"sigma{sigma}-blind", title=f"sigma {sigma}, no hints", meter=meter, landscape=_BLIND)
        )
    return rows


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        *_noises(),
        Scenario(name="drift", title="the machine drifts", meter=Meter(sigma=8.0, drift=1.0)),
        Scenario(name="heteroscedastic", title="noise differs by candidate", meter=Meter(sigma=8.0, spread=0.7)),
        Scenario(name="spikes", title="one reading in 20 is far off", meter=Meter(sigma=8.0, spikes=0.05)),
        Scenario(name="valleys", title="full of valleys", landscape=_VALLEYS),
        Scenario(name="no-valleys", title="no valleys", landscape=_FLAT),
        Scenario(name="overfit", title="overfitting, tau 8", landscape=_CLIMB, meter=_FITS),
        Scenario(name="overfit4", title="overfitting, tau 4", landscape=_CLIMB, meter=_FITS_LESS),
        Scenario(name="rare", title="overfitting, wins are rare", landscape=_RARE, meter=_FITS),
        Scenario(name="overfit-gate", title="tau 8, with a gate", landscape=_CLIMB, meter=_FITS, gate=True),
        Scenario(name="overfit4-gate", title="tau 4, with a gate", landscape=_CLIMB, meter=_FITS_LESS, gate=True),
        Scenario(name="rare-gate", title="wins are rare, with a gate", landscape=_RARE, meter=_FITS, gate=True),
        Scenario(name="placebo", title="nothing works", landscape=_NOTHING),
        Scenario(
            name="placebo-drift",
            title="nothing works, drift",
            landscape=_NOTHING,
            meter=Meter(sigma=8.0, drift=1.0),
        ),
        Scenario(name="placebo-overfit", title="nothing works, tau 8", landscape=_NOTHING, meter=_FITS),
        Scenario(name="placebo-gate", title="nothing works, tau 8, gate", landscape=_NOTHING, meter=_FITS, gate=True),
    )
}
