"""The cost is right, within the task's tolerance, for the arguments in the answer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fal_skill.calls import Fields, Unknown
from fal_skill.errors import SkillError
from fal_skill.prices import estimate

from .fresh import _is_given
from .money import Amount, amounts, constants
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from fal_skill.registry import Model

    from ..grading.case import Case

TOLERANCE = 0.25
"""Share by which a figure may miss our estimate when the task does not say."""
TOTAL = re.compile(
    r"\b(?:total|altogether|all in|in all|sum|bill|comes? to|works? out|overall|batch|session|whole|full run|expect|budget for|costs? (?:about|roughly|around|~|≈)?|will (?:cost|run|be)|about|roughly|approx\w*)\b|=|≈|~|→",  # noqa: E501
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(?<![\w.$])(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?![\d.]*(?:\s?[×x]\s?\d))")
_SIZE = re.compile(r"\d{3,4}\s?[×x*]\s?\d{3,4}")
_SLUG = re.compile(r"(?<![@\w./-])(?:[a-z0-9-]+)(?:/[\w.-]+)+")
_OTHER_TIER = re.compile(
    r"\b(?:if|with(?:out)?|when|instead|versus|vs\.?|cheaper|while|whereas|compared|standard|pro|turbo|lite|draft|variant|alternative|otherwise|upgrade|higher|lower|4K|2K|1080p|720p|480p)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """What one call costs by our table."""

    slug: str
    low: float
    high: float
    unit: str
    rates: tuple[float, float]
    quantity: tuple[float, float]
    outputs: int
    """Images or files that one call makes."""
    count: int
    """Calls that the task is about."""


def check(case: Case) -> Result:
    """Return whether the answer's figures agree with our estimate."""
    options = case.task.options("cost_accurate")
    tolerance = float(options.get("tolerance", TOLERANCE))
    references = list(_references(case, options))
    named = [
        amount for amount in amounts(case.answer.said) if not amount.is_budget and not _is_given(case, amount.sentence)
    ]
    slugs = {reference.slug for reference in references}
    named = [amount for amount in named if not _is_of_others(amount, slugs, case)]
    fixed = [value for _, value in constants(block.code for block in case.answer.code)]
    if not named and not fixed:
        return not_applicable("the answer names no amount")
    if not references:
        return not_applicable(f"the price of {', '.join(case.used_slugs[:3]) or 'what is asked'} is not known to us")
    counts = tuple(options.get("counts", ())) or _counts(case)
    if options.get("every"):
        return _every(references, named, tolerance)
    if options.get("total") and (headline := _headline(references, named)) is not None:
        # Other figures may stand beside it, such as what another rule would cost: the user takes the first.
        named = [headline]
    return _any(references, named, fixed, tolerance, counts, total=bool(options.get("total")))


def _references(case: Case, options: dict[str, Any]) -> Iterable[Reference]:
    given = options.get("calls", ())
    used = set(case.used_slugs) or {mention.slug for mention in case.mentions}
    fixed = [call for call in given if options.get("every") or not used or call["slug"] in used]
    for call in fixed:
        model = case.registry.get(call["slug"])
        arguments = {name: _made(value) for name, value in call["arguments"].items()}
        if model is not None and (made := _reference(model, arguments, int(call.get("count", 1)), call)) is not None:
            yield made
    if fixed:
        return
    seen: set[tuple[str, str]] = set()
    sent = [(job["slug"], job["arguments"]) for run in case.plain_runs for job in run.accepted]
    sent += [
        (slug, _known(call.arguments))
        for call in case.model_calls
        if isinstance(call.arguments, Fields)
        for slug in call.slugs
    ]
    if not sent:
        sent = [(mention.slug, {}) for mention in case.mentions]
    for slug, arguments in sent:
        model = case.registry.get(slug)
        if model is None or (slug, repr(arguments)) in seen:
            continue
        seen.add((slug, repr(arguments)))
        # What only the user's files tell, such as the size of an upscaled picture, the task tells.
        made = _reference(model, {**options.get("assume", {}), **arguments}, 1, {})
        if made is not None:
            yield made


def _reference(model: Model, arguments: dict[str, Any], count: int, call: dict[str, Any]) -> Reference | None:
    try:
        made = estimate(model, arguments)
    except SkillError:
        return None
    if made.unit_price is None:
        return None
    rates = made.unit_price
    low, high, quantity = made.low, made.high, made.quantity
    if "seconds" in call and made.unit in ("minute", "second"):  # the length of a file that the task names
        units = call["seconds"] / (60 if made.unit == "minute" else 1)
        low, high, quantity = rates[0] * units, rates[1] * units, (units, units)
    if low is None or high is None or quantity is None:
        return None  # the size of what only the user has decides, or fal does not say what a unit is
    outputs = arguments.get("num_images", 1)
    return Reference(
        model.slug,
        low,
        high,
        made.unit or "",
        rates,
        quantity,
        outputs if isinstance(outputs, int) and outputs > 0 else 1,
        count,
    )


def _any(
    references: list[Reference],
    named: list[Amount],
    fixed: list[float],
    tolerance: float,
    counts: tuple[float, ...],
    *,
    total: bool,
) -> Result:
    """Pass when a figure is that of the call, of one output, or of the whole task; fail when there are only others."""
    good: list[str] = []
    rates: list[str] = []
    for reference in references:
        multiples = {1.0, float(reference.count), *counts}
        for amount in named:
            if _is_near(amount, reference.low * reference.count, reference.high * reference.count, tolerance) and (
                reference.count > 1 or not _is_rate(amount, reference)
            ):
                good.append(
                    f"{amount.text} for {_task(reference)}, by our table {_money(reference.low * reference.count, reference.high * reference.count)}"  # noqa: E501
                )
            elif (
                not total
                and any(
                    _is_near(amount, reference.low * each / outputs, reference.high * each / outputs, tolerance)
                    for each in multiples
                    for outputs in {1, reference.outputs}
                )
                and not (_is_rate(amount, reference) and reference.quantity[1] > 1.01)
            ):
                good.append(
                    f"{amount.text} for {reference.slug}, by our table {_money(reference.low, reference.high)} a call"
                )
            elif not total and _is_product(amount, reference, tolerance):
                good.append(f'{amount.text}, in "{amount.sentence}"')
            elif amount.unit and _is_near(amount, *reference.rates, tolerance):
                rates.append(
                    f"{amount.text} for {reference.slug}, by our table {_money(*reference.rates)} per {reference.unit}"
                )
        if not total and any(
            _near(value, value, reference.low / reference.outputs, reference.high, tolerance)
            or _near(value, value, *reference.rates, tolerance)
            for value in fixed
        ):
            rates.append(
                f"a constant in the code agrees with our table: {_money(*reference.rates)} per {reference.unit} of {reference.slug}"  # noqa: E501
            )
    if good:
        return passes("; ".join(dict.fromkeys(good[:3])))
    slugs = {reference.slug for reference in references}
    stated = [amount for amount in named if _is_total(amount, slugs, {reference.unit for reference in references})]
    if rates and not stated and not total:
        return passes("; ".join(dict.fromkeys(rates[:2])))
    shown = ", ".join(dict.fromkeys(amount.text for amount in [*stated, *named][:5])) or ", ".join(
        f"{value:g}" for value in fixed[:3]
    )
    first = references[0]
    return fails(
        f"the answer says {shown}; by our table {_task(first)} costs {_money(first.low * first.count, first.high * first.count)} ({_money(*first.rates)} per {first.unit}, tolerance {tolerance:.0%})"  # noqa: E501
    )


def _every(references: list[Reference], named: list[Amount], tolerance: float) -> Result:
    """Pass when the answer has the total of every call that the task is about."""
    told: list[str] = []
    for reference in references:
        low, high = reference.low * reference.count, reference.high * reference.count
        found = next((amount for amount in named if _is_near(amount, low, high, tolerance)), None)
        if found is None:
            shown = ", ".join(dict.fromkeys(amount.text for amount in named[:6]))
            return fails(f"{_task(reference)} costs {_money(low, high)}; the answer says {shown}")
        told.append(f"{found.text} for {_task(reference)}")
    return passes("; ".join(told))


def _headline(references: list[Reference], named: list[Amount]) -> Amount | None:
    """Return the largest amount of the first sentence that names one which is no unit price."""
    for first in named:
        together = [
            amount
            for amount in named
            if amount.sentence == first.sentence
            and amount.unit != "image"
            and not any(_is_rate(amount, each) for each in references)
        ]
        if together:
            return max(together, key=lambda amount: amount.high)
    return None


def _is_near(amount: Amount, low: float, high: float, tolerance: float) -> bool:
    return _near(amount.low, amount.high, low, high, tolerance)


def _near(low: float, high: float, ours: float, ours_high: float, tolerance: float) -> bool:
    """Whether two ranges overlap, or miss each other by no more than the tolerance; a very wide range says nothing."""
    if low > 0 and high / low > 5:
        return False
    return low <= ours_high * (1 + tolerance) + 1e-9 and high >= ours * (1 - tolerance) - 1e-9


def _is_rate(amount: Amount, reference: Reference) -> bool:
    """Whether the amount is said to be per unit of the price, rather than for a call."""
    return amount.unit == reference.unit or (
        amount.unit in ("megapixel", "second", "minute", "1k_chars", "char", "compute_second")
    )


def _is_of_others(amount: Amount, slugs: set[str], case: Case) -> bool:
    """Whether the amount stands in a row of a table that is about other models alone."""
    if amount.passage.kind != "row" or not slugs:
        return False
    first = {slug for slug in _SLUG.findall(amount.sentence.partition("|")[0]) if case.registry.get(slug) is not None}
    return bool(first) and not first & slugs


def _is_total(amount: Amount, slugs: set[str], units: set[str]) -> bool:
    """Whether the amount is said to be what the answer's own call costs, and not another model's or size's."""
    if amount.unit not in ("", "call", "image") or amount.unit in units:
        return False
    others = [slug for slug in _SLUG.findall(amount.sentence) if slug not in slugs]
    if others or _OTHER_TIER.search(amount.sentence):
        return False
    return bool(amount.unit) or TOTAL.search(amount.sentence[max(0, amount.at - 40) : amount.at]) is not None


def _is_product(amount: Amount, reference: Reference, tolerance: float) -> bool:
    """Whether the amount is the right cost of as many outputs as its sentence says: ``60 frames: $0.18``."""
    text = _SIZE.sub(" ", amount.sentence)
    numbers = {float(number.replace(",", "")) for number in _NUMBERS.findall(text)}
    each = (reference.low / reference.outputs, reference.high / reference.outputs)
    return any(
        number >= 2 and _is_near(amount, each[0] * number, each[1] * number, min(tolerance, 0.15)) for number in numbers
    )


def _counts(case: Case) -> tuple[float, ...]:
    text = _SIZE.sub(" ", case.task.prompt)
    found = [float(number.replace(",", "")) for number in _NUMBERS.findall(text)]
    return tuple(number for number in found if 2 <= number <= 1e6 and number == math.floor(number))


def _known(fields: Fields) -> dict[str, Any]:
    """Return the arguments that the text settles, choices by their first."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Unknown):
            if value.choices:
                made[name] = value.choices[0]
        elif isinstance(value, Fields):
            made[name] = _known(value)
        elif isinstance(value, list):
            made[name] = ["https://example.com/file" if isinstance(item, Unknown) else item for item in value]
        else:
            made[name] = value
    return made


def _made(value: Any) -> Any:
    """Return an argument of a task's reference call: ``@N`` stands for a text of N characters."""
    return "x" * int(value[1:]) if isinstance(value, str) and re.fullmatch(r"@\d+", value) else value


def _task(reference: Reference) -> str:
    return f"{reference.count} calls of {reference.slug}" if reference.count > 1 else f"a call of {reference.slug}"


def _money(low: float, high: float) -> str:
    return f"${low:.4g}" if math.isclose(low, high) else f"${low:.4g} to ${high:.4g}"
