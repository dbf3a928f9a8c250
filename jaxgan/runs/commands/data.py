"""Make a data set of pictures: jaxgan-data pets/ pets64.zip --image_size=64.

The first name is a directory, a zip file, or anything that --dataset takes; the second is the zip
file to write, which is then --dataset=folder:pets64.zip. Beside it are a report, pets64.json, and a
contact sheet to look at, pets64.png. Folders of classes and of splits stay as they are.
"""

from absl import flags

from jaxgan.runs.commands.entry import given, start
from jaxgan.runs.flags import define
from jaxgan.runs.paths import check_output
from jaxgan.runs.settings import ConfigError, Size, sides


def define_flags() -> None:
    """Define the flags of this command."""
    text = "side of the pictures, or HEIGHTxWIDTH as 48x32; 0 to keep the size of each"
    define("image_size", Size, text, default=0)
    text = (
        "center resizes until a picture covers the size and crops the center, fit squeezes the "
        "whole picture into the size, pad adds margins"
    )
    define("crop", str, text, default="center", choices=("center", "fit", "pad"))
    text = "color of transparent areas and of margins, as white or #ff8000"
    define("background", str, text, default="white")
    define("split", str, "split of a data set that is given by its name", default="train")
    define("data_dir", str, "directory of prepared TFDS data sets", default="")
    define("manual_dir", str, "directory of manually downloaded files", default="")
    define("cache_dir", str, "directory of decoded data; the user's cache if empty", default="")


def run(argv: list[str]) -> None:
    """Write the data set, and print what was found."""
    if len(argv) != 3:
        raise ConfigError(
            f"{len(argv) - 1} names are given; expected two, a source and the zip file to write, "
            "as in pets/ pets64.zip"
        )
    _, source, target = argv
    try:
        check_output("OUT", target, (".zip",))
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix("--")) from None
    values = flags.FLAGS

    from tqdm import tqdm

    from jaxgan.data.preparation import prepare

    folders = given(("data_dir", "manual_dir", "cache_dir"))
    with tqdm(unit=" pictures", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        made = prepare(
            source,
            target,
            image_size=sides(values.image_size),
            crop=values.crop,
            background=values.background,
            split=values.split,
            progress=progress,
            **{name: folder or None for name, folder in folders.items()},
        )
    print(made.summary())
    print(f"to look at: {made.path.with_suffix('.png')}, {made.path.with_suffix('.json')}")
    print(f"to use it:  --dataset=folder:{made.path}")


def main() -> None:
    """Run the command."""
    start(run, define_flags, takes_names=True)


if __name__ == "__main__":
    main()
