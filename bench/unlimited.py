"""Klaviyo's sink and its stand-in as they are, without the platform's budget of 58 events a second, which is not what
is measured: `python -m bench.unlimited stand-in PORT` and `python -m bench.unlimited sink SETTINGS`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from shoprelay.logs import configure
from shoprelay.settings import load
from shoprelay.sink_process import run_sink
from sinks.klaviyo import fake


def main() -> None:
    what, argument = sys.argv[1:]
    if what == "stand-in":
        web.run_app(fake.app(limits=()), host="127.0.0.1", port=int(argument), access_log=None, print=None)
        return
    configure("json")
    configuration = load(Path(argument), os.environ)
    account = configuration.accounts["klaviyo"]
    sys.exit(run_sink(configuration, replace(account, sink=replace(account.sink, limits=()))))


if __name__ == "__main__":
    main()
