"""`edgekit device list|setup|info`: where ncnn can run, and what it takes to get there."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared
from edgekit.cli.output import deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_OK

_EPILOG = """\
  edgekit device list
  edgekit device setup qemu
  edgekit device info qemu:cortex-a76
  edgekit verify build/mobilenet_v2 --device qemu:cortex-a76 --precision fp16
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command and its own commands to the parser."""
    summary = "List the places where ncnn can run, set one up, or ask it what it is."
    parser = shared.command(subparsers, "device", _list, summary, _EPILOG)
    commands = shared.add_commands(parser)
    listing = shared.command(commands, "list", _list, "Say which kinds of device can be used from here.")
    shared.add_files(listing, "json")
    setup = shared.command(commands, "setup", _setup, "Make what a device needs; what is there is kept.")
    setup.add_argument("device", metavar="NAME", help="qemu (one for all its CPUs), ssh:USER@HOST or adb")
    setup.add_argument("--again", action="store_true", help="make it anew even if it is there")
    info = shared.command(commands, "info", _info, "Start ncnn on a device and say what it finds there.")
    info.add_argument("device", metavar="NAME", help="local, qemu:CPU, ssh:USER@HOST or adb:SERIAL")
    shared.add_files(info, "json")


def _list(args: argparse.Namespace) -> int:
    """Show every kind, usable or not."""
    from edgekit.report.environment import devices_text
    from edgekit.schema import schema_id, to_json
    from edgekit.toolchain.environment import check_devices

    with StatusLine("device") as status:
        status("starting ncnn")
        found = check_devices()
    document = {"schema": schema_id("edgekit.devices", 1), "devices": to_json(found)}
    deliver(args, text=devices_text(found), document=document)
    return EXIT_OK


def _setup(args: argparse.Namespace) -> int:
    """Make what is missing, then say what the device is."""
    from edgekit.devices.setup import setup_device

    with StatusLine("device setup") as status:
        done = setup_device(args.device, status, again=args.again)
    deliver(args, text=done)
    return EXIT_OK


def _info(args: argparse.Namespace) -> int:
    """Start a worker there and show what it answers."""
    from edgekit.devices import open_device
    from edgekit.report.environment import device_text
    from edgekit.schema import schema_id, to_json

    with StatusLine("device") as status:
        status(f"starting ncnn on {args.device}")
        info = open_device(args.device).info()
    document = {"schema": schema_id("edgekit.device", 1), "name": args.device, "device": to_json(info)}
    deliver(args, text=device_text(args.device, info), document=document)
    return EXIT_OK
