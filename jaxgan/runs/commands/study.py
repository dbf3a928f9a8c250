"""Compare GAN objectives: python experiments/study.py.

Eight objectives with one pair of networks, on digits and on clothes, with several seeds each. An
interrupted study resumes where it stopped. --size=small is for two cores; --size=full, with 20
epochs of 50,000 images and 10,000 samples, needs a GPU.
"""

from pathlib import Path

from absl import flags

from jaxgan.runs.commands.entry import given, start
from jaxgan.runs.flags import define
from jaxgan.runs.paths import check_directory, check_input


def define_flags() -> None:
    """Define the flags of this script."""
    from jaxgan.runs.study import DATASETS, OBJECTIVES, SIZES

    where = {"flag_values": flags.FLAGS, "module_name": "flags of this command"}
    text = "directory of the study; give it again to resume"
    define("out", str, text, default="runs/study")
    text = "size of networks, runs and sets of samples"
    define("size", str, text, default="small", choices=tuple(SIZES))
    define("seeds", int, "runs of each objective on each data set", default=3, low=1)
    flags.DEFINE_multi_enum("dataset", ["digits", "fashion_mnist"], DATASETS, "data sets", **where)
    objectives = list(OBJECTIVES)
    flags.DEFINE_multi_enum("objective", objectives, objectives, "objectives", **where)
    define("steps", int, "updates of G; those of --size if not given", low=1)
    define("data_dir", str, "directory of prepared TFDS data sets", default="")
    define("manual_dir", str, "directory of manually downloaded files", default="")
    define("cache_dir", str, "directory of decoded data; the user's cache if empty", default="")


def run(argv: list[str]) -> None:
    """Run what is left of the study, and print its tables."""
    del argv

    from tqdm import tqdm

    from jaxgan.runs.devices import check_platform
    from jaxgan.runs.files import write_whole
    from jaxgan.runs.study import SIZES, comparison_of, result, runs, table

    values = flags.FLAGS
    size = SIZES[values.size]
    size = size._replace(steps=values.steps or size.steps)
    common = given(["data_dir", "manual_dir", "cache_dir"], values)
    out = Path(values.out)
    check_directory("out", out)
    for name in ("data_dir", "manual_dir"):
        if common[name]:
            check_input(name, common[name], directory=True)
    todo = list(runs(size, out, values.dataset, values.objective, values.seeds, **common))
    check_platform()
    results = []
    for cell in (bar := tqdm(todo, unit="run")):
        bar.set_description(f"{cell.dataset}, {cell.objective}, seed {cell.config.run.seed}")
        results.append(result(cell, size.samples))
    told = []
    for dataset in values.dataset:
        data = next(cell.config.data for cell in todo if cell.dataset == dataset)
        by = comparison_of(data, size.samples)
        about = f"{by.samples} samples, features of {by.network.name}, {by.reference_name}"
        told.append(f"{dataset}: {about}\n\n{table(dataset, results, by)}")
    text = "\n\n".join(told) + "\n"
    write_whole(out / "table.md", text)
    print(text)


def main() -> None:
    """Run the script."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
