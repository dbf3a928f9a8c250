"""What is refused before anything is loaded, and what is not."""

import numpy as np
import pytest
from absl import flags as absl_flags

from jaxgan.data import Dataset
from jaxgan.runs import flags
from jaxgan.runs.checks import check, check_against_data
from jaxgan.runs.config import ConfigError, make

VOID = {
    "penalty_weight": ({"penalty_weight": 5.0}, {"penalty": "r1", "d_norm": "layer"}),
    "penalty_every": ({"penalty_every": 2}, {"consistency": 1.0}),
    "penalty_weight_end": (
        {"penalty_weight_end": 0.5, "burn_in": 9.0},
        {"penalty": "r1", "d_norm": "none"},
    ),
    "penalty_epsilon": (
        {"penalty_epsilon": 0.1, "penalty": "r1", "d_norm": "none"},
        {"penalty": "approximate_r1"},
    ),
    "penalty_share": ({"penalty_share": 0.5}, {"penalty": "approximate_r2", "d_norm": "none"}),
    "augment_policy": ({"augment_policy": "color"}, {"augment": "diffaugment"}),
    "augment_pairs": ({"augment_pairs": True}, {"augment": "diffaugment"}),
    "ada_target": ({"ada_target": 0.5}, {"augment": "ada"}),
    "ada_images": ({"ada_images": 9.0}, {"augment": "ada"}),
    "lr_decay_start": ({"lr_decay_start": 9}, {"lr_schedule": "linear"}),
    "lr_decay_end": ({"lr_decay_end": 9}, {"lr_schedule": "cosine"}),
    "beta1": ({"beta1": 0.1, "optimizer": "sgd"}, {"optimizer": "adam"}),
    "beta2": ({"beta2": 0.1, "optimizer": "rmsprop"}, {"optimizer": "adam"}),
    "beta2_end": ({"beta2_end": 0.1, "burn_in": 9.0, "optimizer": "sgd"}, {"optimizer": "adam"}),
    "momentum": ({"momentum": -0.5}, {"optimizer": "sgd"}),
    "consensus_weight": ({"consensus_weight": 1.0}, {"rule": "consensus"}),
    "symplectic_weight": ({"symplectic_weight": 2.0}, {"rule": "symplectic"}),
    "unrolled_steps": ({"unrolled_steps": 3}, {"rule": "unrolled"}),
    "unrolled_lr": ({"unrolled_lr": 1e-3}, {"rule": "unrolled"}),
    "ema_decay": ({"ema_decay": 0.9, "ema_half_life": 9.0}, {"ema_half_life": 0.0}),
    "burn_in": ({"burn_in": 9.0}, {"lr_end": 0.5}),
}
"""Settings without effect, and what gives them one."""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert sorted(path.name for path in tmp_path.iterdir()) in ([], ["old"])


@pytest.mark.parametrize("name", VOID)
def test_a_setting_without_effect_is_refused(name):
    void, cure = VOID[name]
    shared = {"parallel": "jit", "workdir": "new"}
    with pytest.raises(ConfigError, match=rf"^--{name}=.*: it has no effect with --") as caught:
        check(make(**shared | void))
    assert "\n" not in str(caught.value)
    check(make(**shared | void | cure))


def test_a_run_that_was_begun_with_it_goes_on(tmp_path):
    config = make(parallel="jit", workdir="old", penalty_weight=5.0)
    with pytest.raises(ConfigError, match=r"^--penalty_weight="):
        check(config)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "flags.txt").write_text(config.to_flags())
    check(config)


@pytest.mark.parametrize("recipe", ["r3gan", "stylegan2", "progressive"])
def test_what_a_gan_sets_by_itself_may_have_no_effect(recipe):
    check(make(recipe=recipe, penalty="none", optimizer="sgd", beta2_end=0.0, parallel="jit"))


def test_a_seed_is_not_repeated_by_a_larger_one():
    check(make(seed=2**32 - 1, parallel="jit"))
    check(make(seed=2**32 - 3, seeds=3, parallel="jit"))
    with pytest.raises(ConfigError, match=r"^--seed=4294967296: expected a value from 0 to"):
        check(make(seed=2**32 - 2, seeds=3, parallel="jit"))


@pytest.mark.parametrize("name", flags.presets())
def test_no_preset_is_refused(name):
    values = absl_flags.FlagValues()
    flags.define_settings(values)
    values(["train", f"--flagfile={flags.presets()[name]}", "--parallel=jit"])
    check(flags.from_flags(values))


@pytest.mark.parametrize("text", ["a\nb", "a\x1bb", "a\u2028b", "a\x85b", "\udcff"])
@pytest.mark.parametrize("name", ["dataset", "workdir", "sweep", "split"])
def test_text_fits_in_a_line_of_a_flag_file(name, text):
    with pytest.raises(ConfigError, match=rf"^--{name}='a?.*': expected text") as caught:
        make(**{name: text})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 2**31}, "--width=2147483648: expected at most 2147483647"),
        ({"g_lr": 1e39}, r"--g_lr=1e\+39: expected at most 3e\+38"),
        ({"seeds": 10_001}, "--seeds=10001: expected at most 10000"),
        ({"seed": 2**63}, "--seed=9223372036854775808: expected a value from 0 to 4294967295"),
    ],
)
def test_numbers_have_an_end(settings, message):
    with pytest.raises(ConfigError, match=message):
        make(**settings)


def test_labels_of_one_class_are_refused():
    one = Dataset(np.zeros((64, 28, 28, 1), np.uint8), np.zeros(64, np.int32), "mine", ("cats",))
    with pytest.raises(ConfigError, match=r"^--conditional: .* has one class, 'cats', .*leave it"):
        check_against_data(make(dataset="mine", conditional=True), one)
    with pytest.raises(ConfigError, match=r"^--recipe=acgan: .* one class, .* another --recipe"):
        check_against_data(make(recipe="acgan", dataset="mine", batch_size=8), one)
    check_against_data(make(dataset="mine"), one)


def test_batches_have_to_divide_into_packs():
    shared = {"workdir": "new", "parallel": "jit"}
    with pytest.raises(ConfigError, match=r"^--packing=3: .* divisor of the 64 examples"):
        check(make(**shared, batch_size=64, packing=3))
    with pytest.raises(ConfigError, match=r"^--packing=2: .* leave one of them out"):
        check(make(**shared, packing=2, conditional=True))
    with pytest.raises(ConfigError, match=r"^--microbatch=30: .* divisor of the 50 packs"):
        check(make(**shared, batch_size=150, packing=3, microbatch=30))
    check(make(**shared, batch_size=150, packing=5, microbatch=30))
    for recipe in ("acgan", "infogan", "sgan", "ccgan", "pix2pix", "aae", "cyclegan"):
        with pytest.raises(ConfigError, match=rf"^--packing=2: .*{recipe}"):
            make(recipe=recipe, packing=2)


def test_parts_of_a_batch_have_to_fit_what_the_penalty_judges():
    shared = {"workdir": "new", "parallel": "jit", "d_norm": "none", "penalty": "approximate_r1"}
    with pytest.raises(ConfigError, match=r"^--microbatch=32: .* 48 examples that --penalty_share"):
        check(make(**shared, batch_size=64, microbatch=32, penalty_share=0.75))
    check(make(**shared, batch_size=64, microbatch=16, penalty_share=0.75))
