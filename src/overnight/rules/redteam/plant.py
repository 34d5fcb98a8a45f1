"""An attack as the text of the file that the contract's command runs."""

from overnight.rules.redteam import node, python, shell
from overnight.rules.redteam.attack import Attack
from overnight.rules.redteam.facts import Facts

_LEAVING = {"python": ("os._exit", "os.exec"), "sh": ("exec ",), "node": ("process.reallyExit", "process.kill")}
_AFTERWARDS = {"say-after", "say-at-exit", "truncated", "constant", "nan"}


def plant(attack: Attack, language: str, text: str, facts: Facts) -> str:
    """The file `text` turned into `attack`.

    Raises:
        ValueError: it is not written for this language or this file; the message says why.
    """
    if attack.action in _AFTERWARDS and any(word in text for word in _LEAVING[language]):
        raise ValueError("the program may leave in a way that lets nothing run after it")
    craft = {"python": python.craft, "sh": shell.craft, "node": node.craft}[language]
    made = craft(attack, text, facts)
    if not made:
        raise ValueError(f"this attack is not written for {language}")
    return made
