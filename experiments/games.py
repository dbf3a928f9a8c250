"""The GANs that are more than noise to image: which networks each recipe is given."""

from collections.abc import Callable
from typing import Any, NamedTuple

from architectures import Facts, encoder, networks, patches, picture_generator, whole
from conditions import mask_of
from config import Config

import jaxgan
from jaxgan import Network, nets, recipes
from jaxgan.latents import Latent, concatenate, normal
from jaxgan.models import classifier, cogan, joint, mlp, srgan

_NO_LATENT = normal(0)
_FEATURES = 128  # that D of a BiGAN or of an SGAN reads off a picture


class Experiment(NamedTuple):
    """What a run trains, and what its samples are drawn with.

    Attributes:
        gan: the GAN.
        generator: maps latents, and a condition if there is one, to samples; applied to the
            variables of G's player.
        latent: sampler of z, of no components where pictures are made of pictures alone.
        encoder: of G's player too: reads latents off examples.
        back: of a CycleGAN, from the target domain to the source.
        recognizer: reads classes, or an InfoGAN's codes; applied to the variables of D's player.
        codes: of InfoGAN, how its latents are laid out.
    """

    gan: jaxgan.GAN
    generator: Network
    latent: Latent
    encoder: Network | None = None
    back: Network | None = None
    recognizer: Network | None = None
    codes: recipes.Codes | None = None


class Setting(NamedTuple):
    """What a game is set up from.

    Attributes:
        config: the settings, checked.
        facts: of the data.
        axis_name: the axis to synchronise batch norm over.
        keywords: of the recipe.
        network: `(module, of_g) -> Network`, with spectral norm and the like as the flags say.
    """

    config: Config
    facts: Facts
    axis_name: str | None
    keywords: dict[str, Any]
    network: Callable[[Any, bool], Network]

    def of_g(self, module: Any) -> Network:
        """A network of G's player."""
        return self.network(module, True)

    def of_d(self, module: Any) -> Network:
        """A network of D's player."""
        return self.network(module, False)

    def pair(self) -> tuple[Any, Any]:
        """The modules of G and D, as for noise to image."""
        return networks(self.config, self.facts, axis_name=self.axis_name)

    def encoder(self, features: int) -> Any:
        """A module that reads numbers off examples."""
        return encoder(self.config, self.facts, features, self.axis_name)

    def few(self, *more: str) -> dict[str, Any]:
        """The keywords of recipes that are not made of `recipes.players`."""
        names = {"g_optimizer", "d_optimizer", "loss", "d_steps", "ema_decay", *more}
        return {name: value for name, value in self.keywords.items() if name in names}

    def without(self, *names: str) -> dict[str, Any]:
        """The keywords but these."""
        return {name: value for name, value in self.keywords.items() if name not in names}


def _acgan(setting: Setting) -> Experiment:
    """D is not told the class, and tells it."""
    g_module, d_module = setting.pair()
    classes = len(setting.facts.class_names)
    g = setting.of_g(g_module)
    d = setting.of_d(d_module.clone(num_classes=None, classes=classes))
    weight = setting.config.class_weight
    gan = recipes.acgan(g, d, class_weight=weight, **setting.without("conditional"))
    return Experiment(gan, g, setting.keywords["latent"], recognizer=_output(d, 1))


def _infogan(setting: Setting) -> Experiment:
    """D also reads the code off what G has made."""
    config = setting.config
    codes = recipes.Codes((config.code_categories,), config.code_continuous)
    g_module, d_module = setting.pair()
    g, d = setting.of_g(g_module), setting.of_d(d_module.clone(classes=codes.features))
    gan = recipes.infogan(g, d, codes=codes, code_weight=config.code_weight, **setting.keywords)
    latent = concatenate(setting.keywords["latent"], codes.latent)
    return Experiment(gan, g, latent, recognizer=_output(d, 1), codes=codes)


def _sgan(setting: Setting) -> Experiment:
    """D is a classifier that few labels train."""
    config = setting.config
    g = setting.of_g(setting.pair()[0])
    classes = len(setting.facts.class_names)
    d = setting.of_d(classifier.Classifier(setting.encoder(_FEATURES), classes))
    gan = recipes.sgan(
        g,
        d,
        class_weight=config.class_weight,
        feature_matching=config.feature_matching,
        **setting.keywords,
    )
    return Experiment(gan, g, setting.keywords["latent"], recognizer=_output(d, 0))


def _cogan(setting: Setting) -> Experiment:
    """One latent, a picture in each of two domains."""
    config, facts = setting.config, setting.facts
    if config.model == "mlp":
        widths = (config.width, 2 * config.width)
        g_module = cogan.DenseGenerator(shape=facts.shape, widths=widths)
        d_module = cogan.DenseDiscriminator(widths=widths[::-1])
    else:
        settings: dict[str, Any] = {"image_size": facts.shape[0], "width": config.width}
        g_module = cogan.Generator(
            channels=facts.shape[-1], axis_name=setting.axis_name, **settings
        )
        d_module = cogan.Discriminator(**settings)
    g = setting.of_g(g_module)
    latent = setting.keywords["latent"]
    gan = recipes.cogan(g, setting.of_d(d_module), latent=latent, **setting.few())
    return Experiment(gan, g, latent)


def _bigan(setting: Setting) -> Experiment:
    """D sees latents beside examples; with a random encoder it is ALI."""
    config = setting.config
    g = setting.of_g(setting.pair()[0])
    e = setting.of_g(setting.encoder(config.latent_dim * (2 if config.stochastic else 1)))
    dense = config.model == "mlp"
    body = None if dense else setting.encoder(_FEATURES)
    widths = (2 * config.width, config.width) if dense else (_FEATURES,)
    d = setting.of_d(joint.Discriminator(body, widths))
    keywords = setting.few("latent", "penalty", "penalty_weight", "penalty_every")
    gan = recipes.bigan(g, e, d, stochastic=config.stochastic, **keywords)
    return _autoencoder(setting, gan, g, e)


def _aae(setting: Setting) -> Experiment:
    """D tells codes from the prior."""
    config = setting.config
    g, e = setting.of_g(setting.pair()[0]), setting.of_g(setting.encoder(config.latent_dim))
    d = setting.of_d(mlp.Discriminator(widths=(256, 256)))
    weight = config.content_weight
    gan = recipes.aae(e, g, d, reconstruction_weight=weight, **setting.few("latent"))
    return _autoencoder(setting, gan, g, e)


def _autoencoder(setting: Setting, gan: jaxgan.GAN, g: Network, e: Network) -> Experiment:
    g, e = nets.part(g, "generator"), nets.part(e, "encoder")
    return Experiment(gan, g, setting.keywords["latent"], encoder=e)


def _pix2pix(setting: Setting) -> Experiment:
    """A picture is made of another that belongs to it."""
    g = setting.of_g(picture_generator(setting.config, setting.facts.shape[-1]))
    d = setting.of_d(patches(setting.config))
    keywords = setting.without("latent", "conditional")
    gan = recipes.pix2pix(g, d, content_weight=setting.config.content_weight, **keywords)
    return Experiment(gan, g, _NO_LATENT)


def _cyclegan(setting: Setting) -> Experiment:
    """There and back between two domains; with other settings DiscoGAN and DualGAN."""
    config, facts = setting.config, setting.facts
    channels = {"to_x": facts.shape[-1], "to_y": facts.source[-1]}
    translators = {
        name: setting.of_g(picture_generator(config, count)) for name, count in channels.items()
    }
    judges = {name: setting.of_d(patches(config)) for name in ("x", "y")}
    keywords = setting.few()
    if config.loss == "least_squares":
        del keywords["loss"]  # the recipe's own, whose halves are not those of `losses`
    published = {"l1": "cyclegan", "l2": "discogan"}[config.cycle_distance]
    gan = recipes.cyclegan(
        translators,
        judges,
        distance=recipes.CYCLEGAN_SETTINGS[published]["distance"],
        cycle_weight=config.cycle_weight,
        identity_weight=config.identity_weight,
        pool_size=config.pool_size,
        **keywords,
    )
    there, back = (nets.part(network, name) for name, network in translators.items())
    return Experiment(gan, there, _NO_LATENT, back=back)


def _inpainting(setting: Setting) -> Experiment:
    """Holes are filled in; of CC-GAN, D tells classes beside that."""
    config, facts = setting.config, setting.facts
    g = setting.of_g(picture_generator(config, facts.shape[-1]))
    classes = len(facts.class_names) if config.recipe == "ccgan" else None
    d = setting.of_d(whole(config, facts, setting.axis_name, classes))
    keywords = setting.without("latent", "conditional") | {
        "mask": mask_of(config),
        "content_weight": config.content_weight,
    }
    if classes is None:
        return Experiment(recipes.context_encoder(g, d, **keywords), g, _NO_LATENT)
    gan = recipes.ccgan(g, d, class_weight=config.class_weight, **keywords)
    return Experiment(gan, g, _NO_LATENT, recognizer=_output(d, 1))


def _srgan(setting: Setting) -> Experiment:
    """Pictures are enlarged, by as much as the data say."""
    config, facts = setting.config, setting.facts
    settings: dict[str, Any] = {"width": config.width, "axis_name": setting.axis_name}
    g = setting.of_g(
        srgan.Generator(
            channels=facts.shape[-1],
            blocks=config.blocks,
            scale=facts.shape[0] // facts.source[0],
            interpolate=True,
            **settings,
        )
    )
    d = setting.of_d(srgan.Discriminator(**settings))
    keywords = setting.without("latent", "conditional")
    gan = recipes.srgan(g, d, content_weight=config.content_weight, **keywords)
    return Experiment(gan, g, _NO_LATENT)


def _output(network: Network, which: int) -> Network:
    """One of the outputs of a network that gives several."""

    def apply(params, state, key, *inputs, train):
        outputs, state = network.apply(params, state, key, *inputs, train=train)
        return outputs[which], state

    return Network(network.init, apply)


GAMES: dict[str, Callable[[Setting], Experiment]] = {
    "acgan": _acgan,
    "infogan": _infogan,
    "sgan": _sgan,
    "cogan": _cogan,
    "bigan": _bigan,
    "aae": _aae,
    "pix2pix": _pix2pix,
    "cyclegan": _cyclegan,
    "context_encoder": _inpainting,
    "ccgan": _inpainting,
    "srgan": _srgan,
}
