"""A report as a reader sees it: its sliders, its charts, and its text, in a browser."""

from pathlib import Path

import pytest
from report_pages import bare, evaluation, hostile, whole

from jaxgan.runs.report.write import write

CHROMIUM = Path("/usr/bin/chromium")
# As long as they get.
ROWS = [
    {"name": name, "title": title, "value": 123.456, "spread": 1.234, "real": 0.0123}
    | {"noise": 1234.5, "better": "higher", "samples": 50000}
    for name, title in {
        "fashion_mnist/frechet_distance": "Fréchet distance of Gaussians fitted to the features",
        "fashion_mnist/kernel_distance": "squared maximum mean discrepancy of the features",
        "pixels/copied": "share of samples nearer to a training image than 99 % of real ones are",
    }.items()
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pages")
    one, two, bad = whole(directory / "one"), whole(directory / "two"), hostile(directory / "bad")
    for name, runs in {
        "one": [one],
        "three": [one, two, bad],
        "bare": [bare(directory / "new")],
        "measured": [whole(directory / "measured", found=evaluation() | {"rows": ROWS})],
    }.items():
        write(runs, directory / f"{name}.html")
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


@pytest.mark.parametrize("name", ["one", "measured"])
@pytest.mark.parametrize("width", [800, 1024, 1280, 1920])
def test_the_table_of_metrics_is_not_cut_off(visit, width, name):
    """Short rows leave room for the samples beside them, long ones do not."""
    page = visit(name, width=width)
    cut = "one => one.scrollWidth - one.clientWidth"
    assert page.locator("[aria-label=metrics]").evaluate(cut) == 0
    beside = page.locator(".top > section").evaluate_all("all => all.map(one => one.offsetTop)")
    assert (beside[0] == beside[1]) == (name == "one" and width > 800)


@pytest.mark.parametrize("name", ["one", "three", "bare"])
def test_a_page_fits_a_phone(visit, name):
    page = visit(name, width=390)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    wide, inner = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert (wide <= inner, inner) == (True, 390)


CONTRASTS = """() => {
  const shades = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const parts = shades(color).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((shades(color)[3] ?? 1) > 0) return color;
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
