from pathlib import Path
from types import SimpleNamespace

import pytest
from absl import flags

from jaxgan.recipes import R3GAN_SETTINGS
from jaxgan.runs.config import Config, ConfigError, make
from jaxgan.runs.flags import define_settings, from_flags, load
from jaxgan.runs.variants import VARIANTS, models_of

PRESETS = sorted((Path(__file__).parents[2] / "experiments" / "presets").glob("*.flags"))


def parse(*arguments: str) -> Config:
    values = flags.FlagValues()
    define_settings(values)
    values(["test", *arguments])
    return from_flags(values)


def test_without_flags_the_settings_are_the_defaults():
    assert parse() == make()


def test_every_setting_comes_back_from_its_flag_file(tmp_path):
    other = make(
        model="mlp", conditional=True, g_lr=1.25e-5, workdir=str(tmp_path), sync_batch_norm=False
    )
    (tmp_path / "flags.txt").write_text(other.to_flags())
    assert load(tmp_path) == other


@pytest.mark.parametrize("recipe", VARIANTS)
def test_the_settings_of_every_gan_come_back_from_their_flag_file(tmp_path, recipe):
    for model in models_of(VARIANTS[recipe]):
        config = make(recipe=recipe, model=model, g_lr=1.25e-5, workdir=str(tmp_path))
        (tmp_path / "flags.txt").write_text(config.to_flags())
        assert load(tmp_path) == config


def test_what_is_not_given_has_the_default_of_its_gan():
    assert make().networks.model == "dcgan"
    assert not make().objective.conditional
    assert make(recipe="acgan").objective.conditional
    assert not make(recipe="acgan", conditional=False).objective.conditional
    assert make(recipe="pix2pix").own.content_weight == 100
    assert make(recipe="aae").own.content_weight == 10
    assert make(recipe="stylegan2").run.workdir == "runs/stylegan2_stylegan2_digits"


UNUSED = {
    r"--mask_share=0.3: .* --model=dcgan; .* --recipe=context_encoder or --recipe=ccgan": {
        "mask_share": 0.3
    },
    r"--latent_dim=7: not used by --recipe=cyclegan .* leave it out": {
        "recipe": "cyclegan",
        "latent_dim": 7,
    },
    r"--blocks=3: .*--model=mlp; .* --model=translator": {"model": "mlp", "blocks": 3},
    r"--penalty=r1: not used by --recipe=aae": {"recipe": "aae", "penalty": "r1"},
}


@pytest.mark.parametrize("message", UNUSED)
def test_a_setting_that_would_have_no_effect_is_refused(message):
    with pytest.raises(ConfigError, match=message) as error:
        make(**UNUSED[message])
    assert "\n" not in str(error.value)


def test_a_setting_that_has_no_effect_may_have_its_default():
    assert make(recipe="cyclegan", latent_dim=100, mask="center") == make(recipe="cyclegan")
    assert not {"latent_dim", "mask"} & make(recipe="cyclegan").flat().keys()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": "gann"}, "--recipe=gann: expected one of gan, progressive"),
        ({"model": "cnn"}, "--model=cnn: expected one of dcgan, mlp"),
        ({"nonsense": 1}, "--nonsense: there is no such setting"),
        ({"loss": "cross"}, "--loss=cross: expected one of non_saturating"),
        ({"ema_decay": 1.5}, "--ema_decay=1.5: expected a value from 0 to 1"),
        ({"steps": 0}, "--steps=0: expected at least 1"),
        ({"g_lr": float("nan")}, "--g_lr=nan: expected a finite number"),
        ({"seed": 10**400}, "--seed=10+: expected a value from 0 to 4294967295"),
        ({"seed": 2**63}, "--seed=9223372036854775808: expected a value from 0"),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        make(**settings)


def test_settings_are_replaced_by_the_names_of_their_flags():
    config = make(recipe="infogan", width=8)
    other = config.replace(seed=3, width=16, code_weight=0.5)
    assert (other.run.seed, other.networks.width, other.own.code_weight) == (3, 16, 0.5)
    expected = {**config.flat(), "seed": 3, "width": 16, "code_weight": 0.5}
    assert other.flat() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "mlp"}, "--model=mlp: it is fixed"),
        ({"recipe": "gan"}, "--recipe=gan: it is fixed"),
        ({"pool_size": 3}, "--pool_size=3: it is not used"),
        ({"g_lr": -1.0}, "--g_lr=-1.0: expected at least 0"),
    ],
)
def test_what_cannot_be_replaced_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        make(recipe="infogan").replace(**values)


def test_sweeps_may_be_given_in_one_flag_or_in_several(tmp_path):
    several = parse("--sweep=d_lr=1e-4,2e-4", "--sweep", "g_lr=1,2", f"--workdir={tmp_path}")
    assert several.run.sweep == "d_lr=1e-4,2e-4,g_lr=1,2"
    assert parse("--sweep=d_lr=1e-4,2e-4,g_lr=1,2", f"--workdir={tmp_path}") == several
    (tmp_path / "flags.txt").write_text(several.to_flags())
    assert load(tmp_path) == several


def test_only_settings_that_change_the_run_count_as_a_difference():
    ours = make()
    theirs = ours.replace(steps=7, log_every=3, keep=9, workdir="elsewhere")
    assert ours.difference(theirs) == {}
    theirs = theirs.replace(seed=5, loss="hinge")
    assert ours.difference(theirs) == {
        "seed": "--seed=0 (now 5)",
        "loss": "--loss=non_saturating (now hinge)",
    }


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"--workdir=.*no flags\.txt"):
        load(tmp_path)


def test_settings_of_another_program_are_refused(tmp_path):
    (tmp_path / "flags.txt").write_text("--no_such_flag=1\n")
    with pytest.raises(ConfigError, match="no_such_flag"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("--steps=0", "steps"),
        ("--batch_size=many", "batch_size"),
        ("--loss=cross", "non_saturating"),
        ("--ema_decay=1.5", "ema_decay"),
        ("--nonsense=1", "nonsense"),
    ],
)
def test_a_value_that_a_flag_does_not_take_is_refused_by_name(argument, names):
    with pytest.raises(flags.Error, match=names):
        parse(argument)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_parses_and_says_what_it_gave(path):
    settings = parse(f"--flagfile={path}")
    assert settings.run.workdir == f"runs/{path.stem}"
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    for word in ("Command", "Machine", "Time", "Result"):
        assert any(line.startswith(f"# {word}:") for line in head), f"no {word} in {path}"
    text = "\n".join(head)
    assert f"experiments/presets/{path.name}" in text
    picture = Path(f"docs/gallery/{path.stem}.png")
    if "not run here" not in text:
        assert str(picture) in text
        assert (PRESETS[0].parents[2] / picture).is_file()
        assert f"({picture})" in (PRESETS[0].parents[2] / "README.md").read_text()


def test_there_is_a_preset_for_each_way_in():
    expected = {
        "gan_ring",
        "wgan_ring",
        "dcgan_mnist",
        "dcgan_fashion_mnist",
        "srgan_photos",
        "text_scenes",
        "wavegan_notes",
        "voxels_solids",
    } | {
        f"{name}_digits"
        for name in [
            "demo",
            "gan",
            "dcgan",
            "cgan",
            "lsgan",
            "wgan_gp",
            "dragan",
            "hinge",
            "ragan",
            "rpgan",
            "bgan",
            "r1",
            "r1_r2",
            "approximate_r1_r2",
            "sngan",
            "sagan",
            "biggan",
            "progressive",
            "stylegan2",
            "r3gan",
            "gat",
            "acgan",
            "infogan",
            "sgan",
            "cogan",
            "bigan",
            "aae",
            "pix2pix",
            "cyclegan",
            "context_encoder",
            "ccgan",
        ]
    }
    assert expected <= {path.stem for path in PRESETS}


def test_the_flags_of_r3gan_on_stacked_mnist_are_the_settings_of_its_recipe():
    path = next(path for path in PRESETS if path.stem == "r3gan_stacked_mnist")
    check_published(parse(f"--flagfile={path}"))


def test_r3gan_is_trained_as_published_where_nothing_else_is_asked_for():
    check_published(
        make(recipe="r3gan", dataset="stacked_mnist", image_size=32, steps=int(1e7) // 512)
    )


def check_published(config: Config):
    flags, published = SimpleNamespace(**config.flat()), R3GAN_SETTINGS["stacked_mnist"]
    assert (flags.image_size, (flags.width,) * 4) == (published.image_size, published.widths)
    assert (flags.batch_size, flags.burn_in) == (published.batch_size, published.burn_in)
    assert flags.steps == int(published.images) // flags.batch_size
    assert (flags.g_lr, flags.d_lr, flags.lr_end) == (*published.learning_rate, 1.0)
    weight = flags.penalty_weight
    assert (weight, weight * flags.penalty_weight_end) == published.gamma
    assert (flags.beta1, (flags.beta2, flags.beta2_end)) == (0, published.beta2)
    assert (0, flags.ema_half_life) == published.ema_half_life
    assert (flags.loss, flags.penalty) == ("relativistic_paired", "r1_r2")
    assert (flags.latent_dim, flags.augment) == (64, "none")
