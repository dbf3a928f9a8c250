"""Build the documentation site in build/docs: `make docs` calls this.

Warnings are errors: of the site generator (broken links and cross references), and of the reader of
docstrings (arguments that a function does not have).
"""

import os
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
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # A failed build ends in a traceback of the generator, which says nothing new.
    print(re.sub(r"^Traceback.*", "", result.stdout, flags=re.M | re.S).rstrip())
    if result.returncode or re.search(r"^(griffe|mkdocstrings): ", result.stdout, re.M):
        sys.exit("error: the site has warnings, see above; correct the page or docstring they name")
    print(f"{SITE}/index.html; with search: python -m http.server --directory build/docs")


if __name__ == "__main__":
    main()
