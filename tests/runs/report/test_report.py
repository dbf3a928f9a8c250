"""What a report says of one or several runs, whatever they have written."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_pages import STEPS, bare, evaluation, hostile, image, jsonl, page_of, whole

from jaxgan.runs.config import ConfigError
from jaxgan.runs.report import html as report_html
from jaxgan.runs.report import runs as report_runs
from jaxgan.runs.report.write import write

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def in_a_checkout(monkeypatch):
    """A page names the commands of the checkout whose script made it."""
    monkeypatch.setattr(sys, "argv", [str(ROOT / "experiments" / "report.py")])


def test_a_run_that_has_not_begun_says_what_makes_each_section(tmp_path):
    _, elements = page_of(bare(tmp_path / "new", width=48))
    text = " ".join(elements.sections.values())
    scripts = re.escape(str(ROOT / "experiments"))
    for title in (
        "Metrics",
        "Samples",
        "Curves",
        "Metrics over training",
        "Classes",
        "Interpolation",
        "Nearest training images",
        "Truncation",
        "Projection of features",
    ):
        assert re.search(rf"{title}: [^:]*python {scripts}/\w+\.py --\w+={tmp_path}/new", text)
    assert re.search(r"width\s*48\s*32", text)
    assert not elements.tags("img")


@pytest.mark.parametrize(
    "missing",
    [
        "metrics.jsonl",
        "monitor.jsonl",
        "evaluations.jsonl",
        "samples",
        "evaluation",
        "evaluation/nearest.png",
        "evaluation/step_00000400.json",
    ],
)
def test_any_part_may_be_missing_in_one_run_or_in_one_of_several(tmp_path, missing):
    run, other = whole(tmp_path / "a"), whole(tmp_path / "b")
    (run / missing).rename(tmp_path / "away")
    advises = f"python {ROOT}/experiments/" in page_of(run)[0]
    # What an evaluation did not find, another one will not find either.
    assert advises == (missing not in {"evaluations.jsonl", "evaluation/nearest.png"})
    _, elements = page_of(run, other)
    assert elements.tags("svg")


def test_what_an_evaluation_did_not_bring_is_left_out(tmp_path):
    run = whole(tmp_path / "run", found=evaluation() | {"projection": {}, "truncation": []})
    text, elements = page_of(run)
    assert not {"Projection of features", "Truncation"} & set(elements.sections)
    assert "evaluate.py" not in text


def test_the_page_says_which_learning_rates_were_changed(tmp_path):
    run = whole(tmp_path / "run")
    jsonl(run / "changes.jsonl", [{"step": 200, "g_lr": [5e-4, 1e-4]}, {"step": 300, "d_lr": "x"}])
    settings = page_of(run)[1].sections["Settings"]
    assert "--g_lr was 0.0005 until step 200, and 0.0001 after it." in settings
    assert "--d_lr was" not in settings


def test_the_page_says_what_the_samples_are_made_from(tmp_path):
    noise, pictures = whole(tmp_path / "noise"), whole(tmp_path / "pictures", recipe="cyclegan")
    for runs, said in {
        (noise,): "drawn from the same latents.",
        (pictures,): "made from the same examples of the data.",
        (noise, pictures): "made from the same examples of the data or latents.",
    }.items():
        assert f"All pictures of a run are {said}" in page_of(*runs)[0]


def test_a_whole_run_is_all_there(tmp_path):
    _, elements = page_of(whole(tmp_path / "run", conditional=True))
    sections = elements.sections
    assert re.search(r"conditional\s*True\s*False", sections["Settings"])
    for text in ("12.2 ± 0.5", "0.875", "310", "lower", "5,000", "5000 images of digits/train"):
        assert text in sections["Metrics"]
    assert "step 200: discriminator wins: accuracy 0.99; try --penalty=r1" in sections["Curves"]
    assert "87.5%" in sections["Classes"]
    assert "digits/test (50)" in sections["Nearest training images"]
    assert "generated (30)" in sections["Projection of features"]
    assert set(elements.charts) >= {"loss", "d_accuracy_real", "odd", "modes"}
    assert len(elements.tags("img")) == len(STEPS) + 3
    assert all(attributes["alt"] for attributes in elements.tags("img"))
    shown = [a["data-step"] for a in elements.tags("img") if "data-step" in a and "hidden" not in a]
    assert shown == ["step 400"]


def test_a_page_refers_to_nothing_outside_itself(tmp_path):
    text, elements = page_of(whole(tmp_path / "a"), whole(tmp_path / "b"))
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text
    references = [
        value
        for _, attributes in elements.all
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert len(references) == 1 + 2 * (len(STEPS) + 3)
    assert all(value.startswith("data:") for value in references)


def test_text_is_never_taken_for_html(tmp_path):
    text, elements = page_of(hostile(tmp_path / "a </title><b>"), whole(tmp_path / "b"))
    ours = [*STEPS, *STEPS, *range(6)]
    assert len(elements.tags("img")) == len(ours)
    assert not any("onerror" in attributes for _, attributes in elements.all)
    assert text.count("<style>") == text.count("</style>") == 1
    assert text.count("<script") == text.count("</script>")
    assert text.count("&lt;/script&gt;&lt;/style&gt;&lt;img src=x") >= 10


def test_json_cannot_end_its_script():
    value = {"</script>": ["<!--", "&", "é"]}
    script = report_html.data(value)
    inside = script.removeprefix('<script type="application/json">').removesuffix("</script>")
    assert not set("<>&") & set(inside)
    assert json.loads(inside) == value


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    run = whole(tmp_path / "run")
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 500, "d_lo')
    _, elements = page_of(run)
    (series,) = [json.loads(elements.charts["odd"])]
    assert [point[2] for point in series[0]["points"]] == [f"step {s}" for s in STEPS]


def test_what_is_no_number_leaves_a_gap(tmp_path):
    run = bare(tmp_path / "run")
    values = [1.0, float("nan"), 2.0, float("inf"), None, "many", 3.0]
    jsonl(
        run / "metrics.jsonl",
        [
            {"step": i, "a": v, "never": v if v is None else float("nan")}
            for i, v in enumerate(values)
        ],
    )
    text, elements = page_of(run)
    (series,) = json.loads(elements.charts["a"])
    assert [point[3] for point in series["points"]] == ["1", "2", "3"]
    assert "never" not in elements.charts
    (line,) = [a["d"] for a in elements.tags("path") if a["class"].startswith("line")]
    assert re.fullmatch(r"M\S+ \S+M\S+ \S+M\S+ \S+", line)
    assert "nan" not in text.lower().split("<body>")[1].split("<script>")[0]


def test_a_number_too_large_for_a_float_leaves_a_gap(tmp_path):
    run = bare(tmp_path / "run")
    lines = [f'{{"step": {step}, "a": {value}}}' for step, value in enumerate((1, "9" * 400, 3))]
    (run / "metrics.jsonl").write_text("\n".join([*lines, ""]))
    _, elements = page_of(run)
    (series,) = json.loads(elements.charts["a"])
    assert [point[3] for point in series["points"]] == ["1", "3"]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "[" * 100_000,
        '{"rows": 1}',
        '{"rows": ["a"]}',
        '{"truncation": [1]}',
        '{"projection": {"real": [[1, 2], [3]]}}',
        '{"projection": [1]}',
        '{"classes": {"names": ["a"], "real": ["much"], "fake": [1.0]}}',
        '{"distances": {"fake": {"a": 1}}}',
        '{"versions": "0.10.2"}',
    ],
)
def test_an_evaluation_of_another_form_is_refused_in_one_line(tmp_path, content):
    run = whole(tmp_path / "run")
    (run / "evaluation" / "step_00000400.json").write_text(content)
    with pytest.raises(ConfigError, match=r"step_00000400\.json: expected .* evaluate again$"):
        write([run])


def test_an_evaluation_may_lack_anything(tmp_path):
    run = whole(tmp_path / "run")
    whole_one = evaluation()
    for key in (*whole_one, "rows of nothing", "classes of nothing"):
        found = {name: value for name, value in whole_one.items() if name != key}
        found |= {"rows": [{}]} if key == "rows of nothing" else {}
        found |= {"classes": {"fake": None}} if key == "classes of nothing" else {}
        (run / "evaluation" / "step_00000400.json").write_text(json.dumps(found))
        write([run, whole(tmp_path / "others" / key)], tmp_path / "page.html")


def test_a_generator_that_diverged_has_a_page(tmp_path):
    nan = float("nan")
    found = evaluation(distance=nan)
    found["rows"][0]["spread"] = nan
    found["distances"] |= {"fake": [nan, nan], "held_out": [1.0, 2.0, nan]}
    found["projection"] |= {"real": [[0, 1], [1, 0]], "fake": [[nan, 0.0], [2.0, float("inf")]]}
    found["classes"]["fake"] = [nan, 0.25]
    found["truncation"] = [{"psi": None, "precision": 0.5}, {"psi": 1.0, "precision": nan}]
    _, elements = page_of(whole(tmp_path / "run", found=found))
    assert "nan" in elements.sections["Metrics"]
    assert "digits/test (2)" in elements.sections["Nearest training images"]
    assert "real (2)" in elements.sections["Projection of features"]
    assert not any("nan" in a.get("d", "") for a in elements.tags("path"))


def test_several_runs_lie_side_by_side(tmp_path):
    near = whole(tmp_path / "near", g_lr=0.001)
    far = whole(tmp_path / "far", found=evaluation(distance=99.0))
    _, elements = page_of(near, far)
    sections = elements.sections
    differing, everything = sections["Settings"].split("All settings")
    assert re.search(r"g_lr\s*0\.001\s*0\.0005", differing)
    assert "d_lr" not in differing
    assert "d_lr" in everything
    assert re.search(r"12\.2 ± 0\.5\s*best.*99 ± 0\.5(?!\s*best)", sections["Metrics"], re.S)
    assert len(elements.tags("input")) == 2
    assert {s["color"] for s in json.loads(elements.charts["d_loss"])} == {0, 1}
    assert {a["class"] for a in elements.tags("path") if "mark" in a["class"]} == {
        *("mark s0", "mark s1")
    }


def test_runs_of_one_name_are_told_apart(tmp_path):
    runs = report_runs.read([whole(tmp_path / "a" / "run"), whole(tmp_path / "b" / "run")])
    assert [run.name for run in runs] == [f"{tmp_path}/a/run", f"{tmp_path}/b/run"]


def test_many_pictures_are_thinned_out(tmp_path):
    run = bare(tmp_path / "run")
    for step in range(95):
        image(run / "samples" / f"step_{step:08d}.png", step, side=8)
    _, elements = page_of(run)
    steps = [int(a["data-step"].removeprefix("step ")) for a in elements.tags("img")]
    assert len(steps) == 40
    assert (steps[0], steps[-1]) == (0, 94)
    assert set(np.diff(steps)) == {2, 3}
    assert "40 of 95 pictures" in elements.sections["Samples during training"]


def test_large_pictures_are_made_smaller_and_fewer(tmp_path, monkeypatch):
    monkeypatch.setattr(report_runs, "_LOSSLESS", 10_000)
    monkeypatch.setattr(report_runs, "_PAGE", 60_000)
    run = bare(tmp_path / "run")
    (run / "samples").mkdir()
    rng = np.random.default_rng(0)
    for step in range(12):
        noise = rng.integers(256, size=(100, 100, 3), dtype=np.uint8)
        Image.fromarray(noise).save(run / "samples" / f"step_{step:08d}.png")
    text, elements = page_of(run)
    steps = [a["data-step"] for a in elements.tags("img")]
    assert 2 <= len(steps) < 12
    assert (steps[0], steps[-1]) == ("step 0", "step 11")
    assert sum(len(a["src"]) for a in elements.tags("img")) < 60_000 * 4 / 3 + 100 * len(steps)
    assert f"{len(steps)} of 12 pictures" in text
    assert "with loss" in text


def test_pictures_keep_their_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(30, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "step_00000007.png")
    picture = report_runs._picture(tmp_path / "step_00000007.png")
    assert picture.exact
    assert (picture.step, picture.width, picture.height) == (7, 20, 30)
    (tmp_path / "broken.png").write_bytes((tmp_path / "step_00000007.png").read_bytes()[:300])
    assert report_runs._picture(tmp_path / "broken.png") is None


def test_mistakes_are_answered_in_one_line_and_change_nothing(tmp_path):
    run = whole(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    broken = whole(tmp_path / "broken")
    (broken / "metrics.jsonl").write_text('{"step": 1}\nnonsense\n{"step": 2}\n')
    torn = whole(tmp_path / "torn")
    (torn / "evaluation" / "step_00000400.json").write_text('{"rows": [')
    out = tmp_path / "page.html"
    out.write_text("before")
    for workdirs, words in [
        ([tmp_path / "nowhere"], "no such directory"),
        ([tmp_path / "empty"], "no run here"),
        ([run, run], "given twice"),
        ([broken], "metrics.jsonl, line 2"),
        ([torn], "step_00000400.json"),
    ]:
        with pytest.raises(ConfigError, match=words) as raised:
            write(workdirs, out)
        assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="no directory"):
        write([run], tmp_path / "nowhere" / "page.html")
    with pytest.raises(ConfigError, match=r"empty: .*directory"):
        write([run], tmp_path / "empty")
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("broken", "empty", "page.html", "run", "torn")
    ]


def test_the_page_goes_to_its_run_or_for_several_runs_here(tmp_path, monkeypatch):
    first, second = whole(tmp_path / "first"), whole(tmp_path / "second")
    monkeypatch.chdir(tmp_path)
    assert write([first]) == first / "report.html"
    assert write([first, second]).resolve() == tmp_path / "report.html"
    for path in first / "report.html", tmp_path / "report.html":
        assert path.read_text().startswith("<!doctype html>")
        assert not list(path.parent.glob(".*"))


def test_the_script_takes_runs_beside_flags(tmp_path):
    def script(*arguments):
        return subprocess.run(
            [sys.executable, str(ROOT / "experiments" / "report.py"), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )

    out = tmp_path / "x.html"
    done = script(bare(tmp_path / "a"), f"--out={out}", bare(tmp_path / "b"))
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    assert "2 runs" in out.read_text()
    for arguments, word in [((), "no run"), (("x", "--hue=1"), "hue"), (("nowhere",), "nowhere")]:
        done = script(*arguments)
        assert done.returncode == 2
        assert re.fullmatch(rf"error: [^\n]*{word}[^\n]*\n", done.stderr)
