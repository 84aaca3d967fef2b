"""Options: dataclass fields read from text or values, checked, and written down again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbox import Grid, Sampler, Schedule, get
from benchbox.bench.settings import Setting, Settings, parse_settings
from benchbox.bench.sweep import Request, expand
from benchbox.coercion import coerce
from benchbox.commas import integers
from benchbox.errors import UsageError
from benchbox.options import build, describe, hints
from benchbox.registry import registry


@dataclass(frozen=True)
class Every:
    """One option of every type."""

    name = "every"
    number: float = 1.0
    count: int = 2
    flag: bool = False
    word: str = "a"
    file: Path | None = None
    choice: Literal["small", "large"] = "small"
    level: Literal[1, 2] = 1
    many: tuple[float, ...] = (1.0,)
    pair: tuple[int, float] = (1, 2.0)
    mixed: float | Literal["auto"] = "auto"
    where: tuple[float, ...] | Path = (0.0,)
    listed: tuple[str, ...] = field(default_factory=tuple)
    schedule: Schedule | Literal["sigma"] | None = None
    sampler: Sampler | None = None
    grid: Grid | None = None


def every(**values: Any) -> Every:
    made: Every = build(Every, values, registry().get)
    return made


def wrong(**values: Any) -> str:
    with pytest.raises(UsageError) as error:
        every(**values)
    text = str(error.value)
    assert text.endswith((".", "?"))
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("number", "0.5", 0.5),
        ("number", "-1e3", -1000.0),
        ("number", "inf", math.inf),
        ("count", "7", 7),
        ("flag", "true", True),
        ("flag", "Off", False),
        ("flag", "1", True),
        ("word", "none", "none"),
        ("file", "a/b.npy", Path("a/b.npy")),
        ("file", "none", None),
        ("choice", "large", "large"),
        ("level", "2", 2),
        ("many", "1:2.5:-3", (1.0, 2.5, -3.0)),
        ("many", "4", (4.0,)),
        ("pair", "3:4", (3, 4.0)),
        ("mixed", "auto", "auto"),
        ("mixed", "0.25", 0.25),
        ("where", "1:2", (1.0, 2.0)),
        ("where", "x.npy", Path("x.npy")),
        ("listed", "a:b", ("a", "b")),
        ("schedule", "sigma", "sigma"),
        ("schedule", "none", None),
        ("sampler", "none", None),
    ],
)
def test_text_means_what_the_type_says(option: str, text: str, value: Any) -> None:
    found = getattr(every(**{option: text}), option)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("option", "value", "ready"),
    [
        ("number", 3, 3.0),
        ("count", 5, 5),
        ("flag", True, True),
        ("file", Path("x"), Path("x")),
        ("many", [1, 2], (1.0, 2.0)),
        ("many", 3, (3.0,)),
        ("level", 2, 2),
        ("sampler", None, None),
    ],
)
def test_values_from_python_are_taken_as_they_are_meant(option: str, value: Any, ready: Any) -> None:
    assert getattr(every(**{option: value}), option) == ready


def test_an_integer_of_numpy_is_an_integer() -> None:
    import numpy as np

    assert every(count=np.int64(3)).count == 3


@pytest.mark.parametrize(
    ("option", "value", "takes"),
    [
        ("number", "x", "a number"),
        ("number", "nan", "a number"),
        ("number", True, "a number"),
        ("number", 10**400, "a number"),
        ("count", "1.5", "an integer"),
        ("count", 1.5, "an integer"),
        ("count", True, "an integer"),
        ("flag", "maybe", "true or false"),
        ("flag", 1, "true or false"),
        ("word", 3, "text"),
        ("file", 3, "a file or none"),
        ("choice", "medium", "small or large"),
        ("level", "3", "1 or 2"),
        ("many", "1:x", "numbers as a:b:c"),
        ("many", "", "numbers as a:b:c"),
        ("pair", "1:2:3", "as a:b:c"),
        ("mixed", "maybe", "a number or auto"),
        ("sampler", 3, "the name of a sampler or none"),
    ],
)
def test_a_bad_value_is_one_sentence_that_says_what_it_takes(option: str, value: Any, takes: str) -> None:
    text = wrong(**{option: value})
    assert f"every.{option}={value}" in text
    assert takes in text


def test_a_type_that_no_text_can_give_refuses_the_text() -> None:
    with pytest.raises(UsageError, match="is not valid"):
        coerce(list[float], "1:2", "x.y", registry().get)


def test_an_unknown_option_names_the_nearest() -> None:
    assert "did you mean number?" in wrong(numbr=1)


def test_what_a_plugin_itself_refuses_is_a_sentence_with_its_name() -> None:
    with pytest.raises(UsageError, match=r"^ddim: eta must be between 0 and 1"):
        get("sampler", "ddim", eta="2")


def test_an_option_without_a_default_must_be_given() -> None:
    with pytest.raises(UsageError, match=r"card needs the option path: give it with --set card\.path=a file"):
        get("model", "card")


def test_an_unknown_kind_of_plugin_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean sampler"):
        get("samplers", "heun")


def test_plugins_are_options_by_name() -> None:
    assert get("sampler", "pc", predictor="ddim", frame="vp").predictor == get("sampler", "ddim")
    assert get("sampler", "pc", frame="vp").frame == get("schedule", "vp")
    assert get("sampler", "ode", frame="sigma").frame == "sigma"
    assert get("sampler", "ode", frame="none").frame is None
    assert get("sampler", "ode", frame="vp").frame == get("schedule", "vp")


def test_an_unknown_nested_plugin_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown schedule 'subv': did you mean subvp"):
        get("sampler", "ode", frame="subv")


def test_a_nested_plugin_may_be_an_instance_or_what_describe_wrote() -> None:
    inner = get("sampler", "ddim", eta=0.5)
    assert get("sampler", "pc", predictor=inner).predictor is inner
    assert get("sampler", "pc", predictor={"name": "ddim", "eta": 0.5}).predictor == inner


finite = st.floats(allow_nan=False)


@given(
    number=finite,
    count=st.integers(-(2**40), 2**40),
    flag=st.booleans(),
    choice=st.sampled_from(["small", "large"]),
    many=st.lists(finite, min_size=1, max_size=4),
    mixed=finite | st.just("auto"),
    eta=st.floats(0, 1),
    frame=st.sampled_from([None, "sigma", "vp", "ddpm", "flow"]),
)
def test_what_describe_writes_builds_the_same_again(eta: float, frame: str | None, **values: Any) -> None:
    made = every(**values, sampler={"name": "ddim", "eta": eta}, schedule=frame)
    assert every(**describe(made)) == made


@given(number=finite, count=st.integers(), flag=st.booleans(), many=st.lists(finite, min_size=1, max_size=4))
def test_text_and_values_build_the_same(number: float, count: int, flag: bool, many: list[float]) -> None:
    text = {"number": repr(number), "count": str(count), "flag": str(flag), "many": ":".join(map(repr, many))}
    assert every(**text) == every(number=number, count=count, flag=flag, many=many)


def test_the_options_of_every_built_in_plugin_have_a_type_that_text_can_give() -> None:
    for kind in ("sampler", "schedule", "grid", "model", "metric", "executor"):
        for name in registry().names(kind):
            for option, value in describe_defaults(kind, name).items():
                hint = hints(registry().find(kind, name).cls)[option]
                assert coerce(hint, written(value), f"{name}.{option}", registry().get) == value


def describe_defaults(kind: str, name: str) -> dict[str, Any]:
    if name in {"card", "file", "py", "torchscript"}:  # a file or a function has no default
        return {}
    plugin = get(kind, name)
    return {option: getattr(plugin, option) for option in describe(plugin)}


def written(value: Any) -> str:
    return ":".join(map(str, value)) if isinstance(value, tuple) else str(value)


# --set


def chosen(*texts: str) -> list[str]:
    """The samplers ddim and heun with these settings, as their options say."""
    settings = Settings(parse_settings(texts))
    made = [s for name in ("ddim", "heun") for s in settings.variants("sampler", name)]
    settings.finish()
    return [f"{s.name} {describe(s)}" for s in made]


@pytest.mark.parametrize("text", ["eta", "=1", "eta=", "ddim.=1", ""])
def test_a_setting_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"\[PLUGIN\.\]OPTION=VALUE"):
        parse_settings([text])


def test_a_list_of_values_makes_a_product() -> None:
    settings = Settings(parse_settings(["s_churn=0,10", "heun.s_noise=1,1.1"]))
    made = settings.variants("sampler", "heun")
    assert [(h.s_churn, h.s_noise) for h in made] == [(0, 1), (0, 1.1), (10, 1), (10, 1.1)]


def test_a_plugin_of_any_kind_takes_its_only_required_option_after_a_colon() -> None:
    (guidance,) = Settings().variants("guidance", "autoguidance:mnist-ddpm")
    assert guidance.guide.name == "mnist-ddpm"
    both = Settings(parse_settings(["scale=1,2"])).chosen("guidance", ["autoguidance:mnist-ddpm", None])
    assert [one and one.scale for one in both] == [1, 2, None]
    with pytest.raises(UsageError, match="sampler heun takes no value after a colon: write --sampler heun"):
        Settings().variants("sampler", "heun:3")


def test_a_setting_without_a_prefix_goes_to_whoever_has_the_option() -> None:
    assert [line.split()[0] for line in chosen("eta=0,1", "s_churn=3")] == ["ddim", "ddim", "heun"]
    settings = Settings(parse_settings(["frame=vp"]))
    made = [*settings.variants("sampler", "pc"), *settings.variants("sampler", "euler-maruyama")]
    assert [s.frame.name for s in made] == ["vp", "vp"]


def test_a_prefix_gives_a_setting_to_that_plugin_alone() -> None:
    settings = Settings(parse_settings(["pc.frame=vp"]))
    assert settings.variants("sampler", "pc")[0].frame.name == "vp"
    assert settings.variants("sampler", "euler-maruyama")[0].frame is None


def test_the_setting_with_a_prefix_wins_wherever_it_stands() -> None:
    for texts in (["ddim.eta=1", "eta=0.5"], ["eta=0.5", "ddim.eta=1"]):
        assert Settings(parse_settings(texts)).variants("sampler", "ddim")[0].eta == 1


def test_an_alias_is_a_prefix_when_the_plugin_was_asked_for_by_it() -> None:
    assert Settings(parse_settings(["em.kappa=0"])).variants("sampler", "em")[0].kappa == 0


def test_settings_reach_the_plugins_that_are_options_of_others() -> None:
    settings = Settings(parse_settings(["predictor=ddim,heun", "eta=0.25,0.5", "frame=vp", "vp.beta_max=10"]))
    made = settings.variants("sampler", "pc")
    settings.finish()
    assert [(p.predictor.name, getattr(p.predictor, "eta", None)) for p in made] == [
        ("ddim", 0.25),
        ("ddim", 0.5),
        ("heun", None),
    ]
    assert {p.frame.beta_max for p in made} == {10}


def test_a_literal_beside_a_plugin_is_not_taken_for_a_name() -> None:
    made = Settings(parse_settings(["ode.frame=sigma,none,vp"])).variants("sampler", "ode")
    assert [getattr(s.frame, "name", s.frame) for s in made] == ["sigma", None, "vp"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("etta=1", "unknown option of the chosen plugins 'etta': did you mean eta"),
        ("heun.eta=1", "unknown option of heun 'eta': there is s_churn, s_max, s_min, s_noise"),
        ("hein.s_churn=1", "'hein': did you mean heun"),
    ],
)
def test_a_setting_that_nobody_takes_is_an_error(text: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        chosen(text)
    assert says in str(error.value)


def test_settings_that_come_to_the_same_make_one_cell() -> None:
    request = Request(["ddim"], [5], ["gaussian"], settings=parse_settings(["eta=0,0.0,1"]))
    assert len(expand(request)) == 2


def test_settings_of_a_metric_are_values_of_one_cell() -> None:
    (cell,) = expand(Request(["ddim"], [5], ["mixture"], settings=[Setting("sw2", "projections", ["8", "16"])]))
    assert [vars(metric)["projections"] for metric in cell.metrics] == [8, 16]


@pytest.mark.parametrize(
    ("text", "numbers"), [("18,35,50", [18, 35, 50]), ("18-50:8", [18, 26, 34, 42, 50]), ("3-5,4, 9", [3, 4, 5, 9])]
)
def test_lists_and_ranges_of_integers(text: str, numbers: list[int]) -> None:
    assert integers(text, "--nfe", 1) == numbers


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0", "the smallest is 1"),
        ("-3", "the smallest is 1"),
        ("ten", "give integers"),
        ("1.5", "give integers"),
        ("", "give integers"),
        ("50-18", "a backward range: write 18-50"),
        ("1-9:0", "a step of 1"),
        ("1-99999999999", "the most is"),
        ("9" * 50, "give integers"),
    ],
)
def test_what_is_no_list_of_integers_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        integers(text, "--nfe", 1)
    assert says in str(error.value)
    assert "--nfe" in str(error.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"n_samples": 0}, "n_samples is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"noise_block": -1}, "noise_block is -1"),
        ({"nfe": [10**9]}, "is not valid"),
        ({"nfe": [2.5]}, "an integer of at most"),
        ({"seeds": [2**63]}, "seed"),
        ({"seeds": [-1]}, "seed"),
        ({"dtype": "float23"}, "did you mean float"),
        ({"final": "nothing"}, "unknown final"),
        ({"nfe_policy": "ceil"}, "unknown nfe_policy"),
    ],
)
def test_a_request_from_python_is_checked_as_one_from_the_command_line(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as error:
        expand(Request(**{"samplers": ["ddim"], "nfe": [5], "models": ["gaussian"], **values}))
    assert says in str(error.value)
