"""Writing a duty as the rule that states it, in the wire form of the Dataspace Protocol."""

from policy.canonical import Json
from policy.odrl import vocabulary as v
from policy.odrl.duties.known import KNOWN, period
from policy.odrl.model import Literal
from policy.odrl.operands import bounds


def rule(text: str) -> dict[str, Json]:
    """Return the rule for a duty in one word: ``delete:P30D``, ``report:2027-12-31``, ``inform``.

    What follows the colon is a duration (xsd:duration) or a day or instant. Raises :class:`ValueError` saying what
    would be accepted.
    """
    key, colon, time = text.strip().partition(":")
    if key not in KNOWN:
        raise ValueError(f"one of {', '.join(KNOWN)}, and where it has one a time: delete:P30D, report:2027-12-31")
    made: dict[str, Json] = {"action": KNOWN[key].actions[0]}
    if not colon:
        return made
    return {**made, "constraint": [_time(time)]}


def _time(text: str) -> dict[str, Json]:
    try:
        period(text)
    except ValueError:
        return {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": _moment(text)}
    value: dict[str, Json] = {"@value": text, "@type": f"{v.XSD}duration"}
    return {"leftOperand": f"{v.ODRL}elapsedTime", "operator": "lteq", "rightOperand": value}


def _moment(text: str) -> Json:
    if not text:
        raise ValueError("a duration such as P30D, or a day such as 2027-12-31, after the colon")
    datatype = f"{v.XSD}{'date' if len(text) == 10 else 'dateTime'}"
    try:
        bounds(Literal(text, datatype))
    except ValueError:
        raise ValueError(f"{text[:40]} is not a period (P30D), a day (2027-12-31) or an instant") from None
    return {"@value": text, "@type": datatype}
