"""Draws the rooms of the package and their imports: `python tools/draw_rooms.py` writes
docs/rooms.svg.

A box is a room, a line an import that no longer way of imports implies; rooms stand on the floor
below all rooms that import them. Needs the standard library alone.
"""

from __future__ import annotations

import ast
import sys
from html import escape
from pathlib import Path

PACKAGE = 'siamla_ros'
OUTPUT = Path('docs/rooms.svg')
BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 120, 40, 34, 34, 20


def room_of(path: Path, package: Path) -> str:
    """Name of the folder, or of the module at the top."""
    return path.relative_to(package).with_suffix('').parts[0]


def import_graph(root: Path) -> dict[str, set[str]]:
    """The rooms that each room imports."""
    package = root / PACKAGE
    paths = [path for path in sorted(package.rglob('*.py')) if path.parent != package]
    paths += [path for path in sorted(package.glob('*.py')) if path.name != '__init__.py']
    rooms = {room_of(path, package) for path in paths}
    graph: dict[str, set[str]] = {room: set() for room in sorted(rooms)}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text('utf-8'))):
            if isinstance(node, ast.ImportFrom) and (node.module or '').startswith(f'{PACKAGE}.'):
                other = (node.module or '').split('.')[1]
                if other in rooms - {room_of(path, package)}:
                    graph[room_of(path, package)].add(other)
    return graph


def floors(graph: dict[str, set[str]]) -> list[list[str]]:
    """Rooms from top to bottom, each below all that import it.

    Raises:
        ValueError: the imports go in a circle.
    """
    left, result = dict(graph), []
    while left:
        imported = set().union(*left.values())
        floor = [room for room in left if room not in imported]
        if not floor:
            raise ValueError(f'imports in a circle among {", ".join(sorted(left))}')
        result.append(floor)
        left = {room: others for room, others in left.items() if room not in floor}
    return result


def direct(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The imports that no longer way implies, for a graph without circles."""
    below: dict[str, set[str]] = {}
    for room in (room for floor in reversed(floors(graph)) for room in floor):
        below[room] = graph[room].union(*(below[other] for other in graph[room]))
    return {
        room: {other for other in others if not any(other in below[o] for o in others)}
        for room, others in graph.items()
    }


def svg(root: Path) -> str:
    """The picture as text; the same for the same imports."""
    graph = import_graph(root)
    rows = floors(graph)
    width = 2 * MARGIN + max(len(row) for row in rows) * (BOX_W + GAP_X) + GAP_X * len(rows)
    height = 2 * MARGIN + len(rows) * (BOX_H + GAP_Y) - GAP_Y
    places = {}
    for number, row in enumerate(rows):
        # Shifted from floor to floor, so that lines do not run through the rooms between.
        left = MARGIN + GAP_X * number
        for column, room in enumerate(row):
            places[room] = (left + column * (BOX_W + GAP_X), MARGIN + number * (BOX_H + GAP_Y))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for room, others in direct(graph).items():
        for other in sorted(others):
            (x, y), (x2, y2) = places[room], places[other]
            lines.append(
                f'<line x1="{x + BOX_W // 2}" y1="{y + BOX_H}" x2="{x2 + BOX_W // 2}" y2="{y2}" '
                'stroke="#7a8ca3" stroke-width="1.5"/>'
            )
    for room, (x, y) in places.items():
        lines.append(
            f'<rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="6" fill="#e8eef6" '
            'stroke="#2f4b6e"/>'
        )
        lines.append(
            f'<text x="{x + BOX_W // 2}" y="{y + 25}" text-anchor="middle">{escape(room)}</text>'
        )
    return '\n'.join([*lines, '</svg>']) + '\n'


def main() -> int:
    """Write docs/rooms.svg of this checkout."""
    root = Path(__file__).resolve().parents[1]
    (root / OUTPUT).write_text(svg(root), 'utf-8')
    print(f'written: {OUTPUT}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
