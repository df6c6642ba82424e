"""The hostile campaign in full: every hostile input, then a flood, against a real head service.

    python tests/bench/hostile.py [--fakes 30000] [--rate 5000] [--senders 1]

Prints what it cost and what came through. Needs root, for the network namespaces it runs in.
"""

import argparse
import tempfile
from pathlib import Path

from tests.head.hostile import Report, campaign


def show(report: Report, title: str) -> None:
    """Print what a campaign measured."""
    print(f"{title}:")
    print(f"  a real node amid it was seen after {report.newcomer_after:.2f} s")
    print(f"  memory grew by {report.grew / 1e6:.1f} MB; CPU {report.cpu:.1f} s in {report.lasted:.1f} s")
    print(
        f"  slowest of {report.answers} answers {report.slowest * 1000:.0f} ms, {len(report.failures)} failed"
    )
    print(f"  {report.fakes} fakes shown, trusted: {', '.join(sorted(report.trusted))}")
    print(f"  the trusted node was harmed in {len(report.harms)} of {report.answers} looks")
    print(f"  {report.exchanges} key exchanges, {report.logins} logins tried")
    print(f"  {len(report.refusal_lines)} lines on refusals, {len(report.flood_lines)} on the flood")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Attack a head service.")
    parser.add_argument("--fakes", type=int, default=30_000)
    parser.add_argument("--rate", type=float, default=5000.0)
    parser.add_argument("--senders", type=int, default=50)
    options = parser.parse_args()
    for senders in sorted({1, options.senders}):
        for inputs in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                report = campaign(
                    Path(folder), count=options.fakes, rate=options.rate, senders=senders, inputs=inputs
                )
            kind = "every input, then a flood" if inputs else "a flood alone"
            show(report, f"{kind}, {options.fakes} fakes at {options.rate:.0f}/s from {senders} addresses")


if __name__ == "__main__":
    main()
