"""Build the documentation site in build/docs: `make docs` calls this.

Warnings are errors: of the site generator (broken links and cross references), and of the reader of
docstrings (arguments that a function does not have).
"""

import re
import shutil
import subprocess
import sys

from pages import ROOT, assemble

SITE = ROOT / "build/docs"


def main() -> None:
    """Build the site, or exit with one line that says what to do."""
    assemble(ROOT / "build/pages")
    shutil.rmtree(SITE, ignore_errors=True)
    # The generator's cache does not notice when a docstring changes: --clean drops it.
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    result = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    output = re.sub(r"\x1b\[[\d;]*m", "", result.stdout)  # colors
    # Warnings end in a traceback of the generator, which says nothing new.
    traceback = r"^Traceback.*Aborted because --strict flag is set"
    print(re.sub(traceback, "", output, flags=re.M | re.S).rstrip(), flush=True)
    if result.returncode or re.search(r"^(griffe|mkdocstrings): ", output, re.M):
        sys.exit("error: the site has warnings, see above; correct the page or docstring they name")
    print(f"{SITE}/index.html; with search: python -m http.server --directory build/docs")


if __name__ == "__main__":
    main()
