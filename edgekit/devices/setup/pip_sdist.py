"""Downloads a source package through pip's own index, session and settings, and does not look inside.

    python pip_sdist.py NAME VERSION FILE

`pip download` would run the package's build to ask it for its version, and refuses ncnn's, which answers with
today's date.
"""

from __future__ import annotations

import sys
from typing import Any


def main(name: str, version: str, path: str) -> int:
    """Write the file; 1 where the index has none or cannot be reached."""
    from pip._internal.commands import create_command

    command: Any = create_command("download")
    options, _ = command.parse_args([f"{name}=={version}", "--no-binary", name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        links = [
            candidate.link
            for candidate in finder.find_all_candidates(name)
            if str(candidate.version) == version and not candidate.link.is_wheel
        ]
        if not links:
            sys.stderr.write(f"ERROR: the package index has no source of {name} {version}\n")
            return 1
        answer = session.get(links[0].url_without_fragment, headers={"Accept-Encoding": "identity"})
        answer.raise_for_status()
        with open(path, "wb") as file:  # noqa: PTH123 - written whole or not used: its hash is compared
            file.write(answer.content)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
