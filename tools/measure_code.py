"""Prints figures on the size of the code: `python tools/measure_code.py [CHECKOUT]`.

Modules at the top of the package, classes, node parameters, length of functions, lines of what a
robot needs and of what measures and trains, words in README and docs (docs/research aside), the
way of an image through the node (rule: tools/trace_image.py; needs `make setup` there).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

# Rooms that a robot does not need.
RESEARCH = {'calibration', 'training', 'evaluation'}


def functions(tree: ast.Module) -> list[int]:
    """Lines of every function, decorators aside."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [n.end_lineno - n.lineno + 1 for n in ast.walk(tree) if isinstance(n, kinds)]


def parameters(root: Path) -> int:
    """Rows of config/tracker.yaml that set a parameter."""
    lines = (root / 'config/tracker.yaml').read_text('utf-8').splitlines()
    rows = [line.split('#')[0].strip() for line in lines]
    return sum(':' in row and not row.endswith(':') for row in rows)


def way_of_an_image(root: Path) -> str:
    """Hops, files and record types between image callback and published boxes, of a checkout."""
    if not (root / '.ws/install/lib').is_dir():
        return 'not measured: it is not built (make setup)'
    script = Path(__file__).with_name('trace_image.py')
    command = [root / 'tools/with_env', 'python', script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return lines[-1] if done.returncode == 0 else f'not measured: {lines[-1:]}'


def main(arguments: list[str]) -> int:
    """Measure a checkout, this one by default."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[1]
    package = root / 'siamla_ros'
    lengths, classes, lines = [], 0, {'runtime': 0, 'research': 0}
    for path in sorted(package.rglob('*.py')):
        text = path.read_text('utf-8')
        tree = ast.parse(text)
        lengths += functions(tree)
        classes += sum(isinstance(node, ast.ClassDef) for node in ast.walk(tree))
        room = path.relative_to(package).parts[0]
        lines['research' if room in RESEARCH else 'runtime'] += len(text.splitlines())
    pages = [root / 'README.md', *(root / 'docs').rglob('*.md')]
    read = [page for page in pages if 'research' not in page.parts]
    print(f'modules at the top: {len(list(package.glob("*.py")))}')
    print(f'classes: {classes}')
    print(f'node parameters: {parameters(root)}')
    print(f'function length: median {median(lengths):g}, p90 {quantiles(lengths, n=10)[-1]:g}')
    print(f'lines: {lines["runtime"]} runtime, {lines["research"]} research')
    print(f'words in README and docs: {sum(len(p.read_text("utf-8").split()) for p in read)}')
    print(f'way of an image: {way_of_an_image(root)}')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
