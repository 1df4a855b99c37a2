"""`siamla bench --gpu-check`, `make gpu-check`: what only a machine with a GPU can prove.

Needs torch with CUDA, NumPy, OpenCV and safetensors; neither ROS nor a network. The same program
runs on the CPU with `--device cpu`, as a dry run that proves nothing about a GPU.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from siamla_ros.runtime.device import DeviceError, choose_device

BUDGET_S = 420.0


def main(argv: list[str] | None = None) -> int:
    """Run the check; 0 if all of it passed, 1 if not or if there is no GPU."""
    parser = argparse.ArgumentParser(prog='gpu-check', description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--role', help=argparse.SUPPRESS)  # of a process that the check starts
    args = parser.parse_args(argv)
    if args.role:
        from siamla_ros.evaluation.gpu.faults import ROLES

        print(json.dumps(ROLES[args.role](_plan(args.device, args.brief))))
        return 0
    return run(args)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--device', default='cuda', help='cuda, cuda:N; cpu for a dry run')
    parser.add_argument('--brief', action='store_true', help='everything once, for tests')
    parser.add_argument('--output', type=Path, metavar='FILE', help='all figures as JSON')
    parser.add_argument('--page', type=Path, metavar='FILE', help='tables as markdown')


def run(args: argparse.Namespace) -> int:
    """Check, print, write the files."""
    try:
        device = choose_device(args.device).device
    except DeviceError as error:
        print(f'gpu-check: {error}\nNothing was checked on a GPU.', file=sys.stderr)
        return 1
    if device == 'cpu':
        print('gpu-check: a dry run on the CPU; it proves nothing about a GPU', file=sys.stderr)
    try:
        for path in filter(None, (args.output, args.page)):  # before minutes are spent
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open('a').close()
    except OSError as error:
        print(f'gpu-check: {error}', file=sys.stderr)
        return 1
    found = check(_plan(device, args.brief))
    from siamla_ros.evaluation.gpu.page import page

    text = page(found)
    print(text)
    for path, content in ((args.output, json.dumps(found, indent=1)), (args.page, text)):
        if path is not None:
            path.write_text(content + '\n', encoding='utf-8')
    failed = [name for name, part in found['parts'].items() if not part['ok']]
    if failed:
        print(f'gpu-check: failed: {", ".join(failed)}', file=sys.stderr)
    return 1 if failed else 0


def check(plan: Any) -> dict[str, Any]:
    """All parts in order; one that raises has failed, and the others go on. Parts that would begin
    after `BUDGET_S` are left out, and that is a failure.
    """
    from siamla_ros.evaluation.gpu import faults, measure

    parts: dict[str, Callable[[Any], dict[str, Any]]] = {
        'parity': measure.parity,
        'synchronizations': measure.synchronizations,
        'out of memory': faults.out_of_memory,
        'failed call': faults.failed_call,
        'dead context': faults.dead_context,
        'two processes': faults.two_processes,
        'latency': measure.latency,
        'soak': measure.soak,
    }
    found, began = {}, time.monotonic()
    for name, part in parts.items():
        start = time.monotonic()
        if start - began > BUDGET_S:
            found[name] = {'ok': False, 'error': f'not begun within {BUDGET_S:g} s'}
            continue
        try:
            found[name] = part(plan)
        except Exception as error:  # noqa: BLE001 - whatever fails is the finding
            found[name] = {'ok': False, 'error': f'{type(error).__name__}: {error}'[:500]}
        found[name]['took s'] = round(time.monotonic() - start, 1)
        print(f'{name}: {"ok" if found[name]["ok"] else found[name]}', file=sys.stderr, flush=True)
    return {'device': plan.device, 'machine': machine(plan), 'parts': found}


def machine(plan: Any) -> dict[str, str]:
    """Versions and the device."""
    import torch

    rows = {
        'python': platform.python_version(),
        'torch': torch.__version__,
        'date': time.strftime('%Y-%m-%d'),
    }
    if plan.on_cuda:
        properties = torch.cuda.get_device_properties(plan.device)
        rows['device'] = f'{properties.name}, {properties.total_memory / 2**30:.0f} GiB'
        rows['capability'] = f'{properties.major}.{properties.minor}'
        rows['cuda'] = str(torch.version.cuda)
        rows['cudnn'] = str(torch.backends.cudnn.version())
    return rows


def _plan(device: str, brief: bool) -> Any:
    from siamla_ros.evaluation.gpu import plan

    return plan.brief(device) if brief else plan.Plan(device)


if __name__ == '__main__':
    sys.exit(main())
