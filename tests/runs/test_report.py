import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jaxgan.runs.commands import report
from jaxgan.runs.report import charts as report_charts
from jaxgan.runs.report import html as report_html
from jaxgan.runs.report import runs as report_runs
from jaxgan.runs.report import svg as report_svg
from jaxgan.runs.report import tables as report_tables
from jaxgan.runs.config import Config, ConfigError, make
from PIL import Image

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "</script></style><img src=x onerror='window.harmed=1'>&amp;\"--"
STEPS = range(0, 500, 100)


def jsonl(path: Path, lines: list[dict]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def image(path: Path, value: int, side: int = 62) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(path)


def bare(path: Path, **settings) -> Path:
    """A run that has not begun."""
    path.mkdir(parents=True)
    (path / "flags.txt").write_text(make(workdir=str(path), **settings).to_flags())
    return path


def evaluation(*, distance=12.25, classes=("nought", "one"), samples=5000) -> dict:
    name = "digits/frechet_distance"
    row = {"name": name, "title": "Frechet distance", "value": distance, "spread": 0.5}
    row |= {"real": 0.875, "noise": 310.0, "better": "lower", "samples": samples}
    rng = np.random.default_rng(0)
    return {
        "step": 400,
        "samples": samples,
        "reference": "5000 images of digits/train",
        "features": "digits",
        "seconds": 12.5,
        "versions": {"jax": "0.10.2"},
        "rows": [row],
        "truncation": [{"psi": p, "precision": 1 - p / 2, "recall": p / 2} for p in (0.5, 1.0)],
        "projection": {
            "real": rng.normal(size=(20, 2)).tolist(),
            "fake": rng.normal(size=(30, 2)).tolist(),
            "method": "two principal components",
        },
        "classes": {"names": list(classes), "real": [0.5, 0.5], "fake": [0.875, 0.125]},
        "distances": {
            "fake": rng.gamma(9, size=40).tolist(),
            "held_out": rng.gamma(9, size=50).tolist(),
            "held_out_name": "digits/test",
            "unit": "pixels",
        },
    }


def whole(path: Path, *, text="accuracy 0.99; try --penalty=r1", scale=1.0, found=None, **settings):
    """A run with everything that a report shows."""
    bare(path, **settings)
    jsonl(
        path / "metrics.jsonl",
        [
            {"step": s, "d_loss": scale, "g_loss": 2 * scale, "d_accuracy_real": 0.75, "odd": s}
            for s in STEPS
        ],
    )
    jsonl(path / "monitor.jsonl", [{"step": 200, "state": "discriminator_wins", "text": text}])
    jsonl(path / "evaluations.jsonl", [{"step": s, "modes": s // 100} for s in STEPS])
    for step in STEPS:
        image(path / "samples" / f"step_{step:08d}.png", step // 2)
    for i, name in enumerate(("nearest", "classes", "interpolation")):
        image(path / "evaluation" / f"{name}.png", 60 * i)
    given = json.dumps(found or evaluation())
    (path / "evaluation" / "step_00000400.json").write_text(given)
    (path / "evaluation" / "step_00000300.json").write_text(json.dumps({"rows": []}))
    return path


class Elements(HTMLParser):
    """What is in a page: `(tag, attributes)` of all elements, the text under each heading, and the
    data of the first chart under each caption.
    """

    def __init__(self, text: str):
        super().__init__()
        self.all, self.sections, self.charts = [], {}, {}
        self._title = self._caption = self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data):
        if self._inside == "h2":
            self._title = data
        if self._inside == "figcaption":
            self._caption = data
        if self._inside == "script":
            self.charts.setdefault(self._caption, data)
            self._inside = ""
        else:
            self.sections[self._title] = self.sections.get(self._title, "") + data

    def tags(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.all if tag == name]


def page_of(*workdirs: Path) -> tuple[str, Elements]:
    text = report.report(list(workdirs), workdirs[0] / "page.html").read_text()
    return text, Elements(text)


def test_a_run_that_has_not_begun_says_what_makes_each_section(tmp_path):
    _, elements = page_of(bare(tmp_path / "new", width=48))
    text = " ".join(elements.sections.values())
    for title in (
        "Metrics",
        "Samples",
        "Curves",
        "Metrics over training",
        "Classes",
        "Interpolation",
        "Nearest training images",
        "Truncation",
        "Features, projected",
    ):
        assert re.search(rf"{title}: [^:]*python experiments/\w+\.py --\w+={tmp_path}/new", text)
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
    assert "python experiments/" in page_of(run)[0] or missing.endswith("nearest.png")
    _, elements = page_of(run, other)
    assert elements.tags("svg")


def test_a_whole_run_is_all_there(tmp_path):
    _, elements = page_of(whole(tmp_path / "run", conditional=True))
    sections = elements.sections
    assert re.search(r"conditional\s*True\s*False", sections["Settings"])
    for text in ("12.2 ± 0.5", "0.875", "310", "lower", "5,000", "5000 images of digits/train"):
        assert text in sections["Metrics"]
    assert "step 200: discriminator wins: accuracy 0.99; try --penalty=r1" in sections["Curves"]
    assert "87.5%" in sections["Classes"]
    assert "digits/test (50)" in sections["Nearest training images"]
    assert "generated (30)" in sections["Features, projected"]
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


def hostile(path: Path) -> Path:
    """A run whose every text would be HTML if it were not escaped."""
    found = evaluation(classes=(HOSTILE, "one"))
    found |= {"reference": HOSTILE, "versions": {HOSTILE: HOSTILE}, "features": HOSTILE}
    found["rows"][0] |= {"title": HOSTILE, "name": HOSTILE}
    found["distances"] |= {"unit": HOSTILE, "held_out_name": HOSTILE}
    found["projection"]["method"] = HOSTILE
    whole(path, text=HOSTILE, found=found, split=HOSTILE)
    with (path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 500, HOSTILE: 1.0, "d_loss": "</script>"}) + "\n")
    return path


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
    assert "real (2)" in elements.sections["Features, projected"]
    assert not any("nan" in a.get("d", "") for a in elements.tags("path"))


def curve(y, *, x=None, spread=None):
    x = list(range(len(y))) if x is None else x
    return report_charts.Series("a", 0, x, y, spread or [float("nan")] * len(y))


def drawn(series, marks=(), share=False):
    elements = Elements(report_charts.lines("a", "step", series, list(marks), share))
    return elements, json.loads(elements.charts["a"])


def test_a_curve_lies_where_its_values_are():
    _, (one,) = drawn([curve([0.0, 0.25, 1.0], x=[0, 50, 200])], share=True)
    (x0, y0, *_), (x1, y1, *_), (x2, y2, *_) = one["points"]
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.25, abs=1e-3)
    assert (y1 - y0) / (y2 - y0) == pytest.approx(0.25, abs=1e-2)
    assert y2 < y0  # larger values lie higher


def test_orders_of_magnitude_are_drawn_on_a_logarithmic_axis():
    _, (one,) = drawn([curve([1e-3, 1.0, 1e3])])
    heights = [point[1] for point in one["points"]]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    axis = report_svg.Axis(1e-3, 1e3, 0, 100, log=True)
    assert [text for _, text in axis.ticks(4)] == ["0.001", "0.1", "10", "1000"]


@pytest.mark.parametrize("y", [[0.0], [5.0, 5.0], [-3.0], [1e30, 2e30], [1e-30, 2e-30], [-1e-9, 1]])
def test_any_values_can_be_drawn(y):
    elements, (one,) = drawn([curve(y)])
    assert all(0 <= point[1] <= report_svg.HEIGHT for point in one["points"])
    assert elements.tags("text")


def test_a_band_is_drawn_where_the_spread_is_known():
    elements, _ = drawn([curve([1.0, 2.0, 3.0], spread=[0.5, float("nan"), 0.5])])
    (band,) = [a["d"] for a in elements.tags("path") if a["class"].startswith("band")]
    assert band.count("L") == 3  # two steps, above and below


def test_long_runs_keep_their_spikes():
    y = np.sin(np.arange(50_000) / 500)
    y[31_234] = 40.0
    _, (one,) = drawn([curve(y.tolist())])
    assert len(one["points"]) <= 1000
    assert "40" in {point[3] for point in one["points"]}
    assert [point[0] for point in one["points"]] == sorted(point[0] for point in one["points"])


def test_the_monitors_words_are_marked_at_their_steps():
    marks = [report_charts.Mark(50, 1), report_charts.Mark(51, 2), report_charts.Mark(900, 3)]
    elements, (one,) = drawn([curve([1.0, 2.0, 3.0], x=[0, 50, 100])], marks)
    lines = [a["d"] for a in elements.tags("path") if a["class"].startswith("mark")]
    assert len(lines) == 2  # the third lies outside
    assert lines[0].startswith(f"M{one['points'][1][0]} ")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 1, "0 0.2 0.4 0.6 0.8 1"),
        (1.0, 1.008, "1 1.002 1.004 1.006 1.008"),
        (-30, 55, "-20 0 20 40"),
        (0, 50_000, "0 10k 20k 30k 40k 50k"),
        (0, 4_000_000, "0 1M 2M 3M 4M"),
    ],
)
def test_axes_have_round_numbers(low, high, words):
    assert [text for _, text in report_svg.Axis(low, high, 0, 100).ticks(5)] == words.split()


def test_numbers_are_written_short():
    values = [0, 0.5, 12.345, 1234.5, 1e-7, 3e12, None, float("nan")]
    words = ["0", "0.5", "12.3", "1,234", "1.0e-07", "3e+12", report_svg.NOTHING, "nan"]
    assert [report_svg.number(value) for value in values] == words


def test_of_many_classes_those_are_shown_that_differ_most():
    names = [f"class {i}" for i in range(1000)]
    real, fake = [0.001] * 1000, [0.001] * 1000
    fake[500], fake[7] = 0.5, 0.0
    kinds = [report_charts.Kind("real", 7, real), report_charts.Kind("generated", 0, fake)]
    text = report_charts.bars("shares", names, kinds)
    assert ">class 500<" in text
    assert ">class 7<" in text
    assert "30 of 1000" in text
    assert text.count("<rect") == 60


def row(value, *, spread=None, better="lower", samples=5000):
    return {"value": value, "spread": spread, "better": better, "samples": samples}


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        ([row(3.0), row(2.0), None], {1}),
        ([row(3.0, better="higher"), row(2.0, better="higher")], {0}),
        ([row(3.0), row(float("nan"))], set()),
        ([row(3.0, better=""), row(2.0, better="")], set()),
        ([row(2.3, spread=0.3), row(2.0, spread=0.3), row(9.0, spread=0.1)], {0, 1}),
        ([row(2.3, spread=0.3), row(2.0, spread=0.3)], set()),
        ([row(3.0, samples=100), row(2.0, samples=5000)], set()),
    ],
)
def test_the_best_value_is_marked_where_runs_can_be_compared(rows, places):
    assert report_tables.best(rows, ["train"] * len(rows)) == places


def test_values_against_different_references_are_not_compared():
    assert report_tables.best([row(3.0), row(2.0)], ["train", "test"]) == set()


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
    assert {s["colour"] for s in json.loads(elements.charts["d_loss"])} == {0, 1}
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
            report.report(workdirs, out)
        assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="no directory"):
        report.report([run], tmp_path / "nowhere" / "page.html")
    with pytest.raises(ConfigError, match=r"empty: .*directory"):
        report.report([run], tmp_path / "empty")
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("broken", "empty", "page.html", "run", "torn")
    ]


def test_the_page_goes_to_its_run_or_for_several_runs_here(tmp_path, monkeypatch):
    first, second = whole(tmp_path / "first"), whole(tmp_path / "second")
    monkeypatch.chdir(tmp_path)
    assert report.report([first]) == first / "report.html"
    assert report.report([first, second]).resolve() == tmp_path / "report.html"
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
        assert done.returncode == 1
        assert re.fullmatch(rf"error: [^\n]*{word}[^\n]*\n", done.stderr)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pages")
    one, two, bad = whole(directory / "one"), whole(directory / "two"), hostile(directory / "bad")
    for name, runs in {
        "one": [one],
        "three": [one, two, bad],
        "bare": [bare(directory / "new")],
    }.items():
        report.report(runs, directory / f"{name}.html")
    return directory


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    switches = "no-sandbox disable-gpu disable-background-networking disable-component-update"
    arguments = [f"--{name}" for name in f"{switches} disable-sync no-first-run".split()]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, pages):
    """Open a page; when the test ends, nothing may have been complained of or asked for."""
    contexts, complaints, requests = [], [], []

    def visit(name, *, width=1280, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"file://{pages / name}.html")
        page.mouse.move(5, 5)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []
    assert all(url.startswith(("file://", "data:")) for url in requests)
    assert len([url for url in requests if url.startswith("file://")]) == len(contexts)


def shown(page, player=0):
    """The label of a slider, its value as read out, and the alternative texts of what it shows."""
    figure = page.locator(".player").nth(player)
    visible = figure.locator("img:visible").evaluate_all("all => all.map(one => one.alt)")
    slider = figure.locator("input")
    return figure.locator("output").inner_text(), slider.get_attribute("aria-valuetext"), visible


def at(step):
    return f"step {step}", f"step {step}", [f"samples after step {step}"]


def test_the_slider_shows_the_pictures_of_all_steps(visit):
    page = visit("one")
    slider = page.locator(".player input")
    assert shown(page) == at(400)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert shown(page) == at(300)
    page.keyboard.press("Home")
    assert shown(page) == at(0)
    slider.fill("2")  # sets the value and sends an input event, as dragging does
    assert shown(page) == at(200)
    loaded = "all => all.every(one => one.complete && one.naturalWidth === 62)"
    assert page.locator("img:visible").evaluate_all(loaded)


def test_several_runs_have_a_slider_each(visit):
    page = visit("three")
    assert page.locator("input[type=range]").count() == 3
    page.locator("input").nth(1).fill("1")
    assert [shown(page, i) for i in range(3)] == [at(400), at(100), at(400)]
    assert page.evaluate("window.harmed") is None


def test_the_legend_tells_the_values_under_the_pointer(visit):
    page = visit("one")
    chart = page.locator(".chart", has=page.get_by_text("odd", exact=True)).first
    chart.scroll_into_view_if_needed()
    value, where = chart.locator("output"), chart.locator(".where")
    assert (value.inner_text(), where.inner_text()) == ("400", "step 400")
    box = chart.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * (46 + 304 / 4) / 360, box["y"] + 40)
    assert (value.inner_text(), where.inner_text()) == ("100", "step 100")
    page.mouse.move(5, 5)
    assert (value.inner_text(), where.inner_text()) == ("400", "step 400")


@pytest.mark.parametrize("name", ["one", "three", "bare"])
def test_a_page_fits_a_telephone(visit, name):
    page = visit(name, width=390)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    wide, inner = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert (wide <= inner, inner) == (True, 390)


CONTRASTS = """() => {
  const shades = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const parts = shades(colour).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((shades(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const node of document.body.querySelectorAll("*")) {
    const words = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!words || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const pair = [light(node.closest("svg") ? style.fill : style.color), light(behind(node))];
    found.push((Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05));
  }
  return found;
}"""


def test_text_can_be_read_by_day_and_by_night(visit):
    backgrounds = []
    for scheme in "light", "dark":
        page = visit("three", scheme=scheme)
        page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 300
        assert min(contrasts) >= 4.5
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds[0] == "rgb(255, 255, 255)"
    assert backgrounds[1] != backgrounds[0]
