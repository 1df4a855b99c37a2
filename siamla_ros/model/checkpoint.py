"""Checkpoint file: safetensors with configuration and provenance in its header, and a checksum
beside it.

Header entries (JSON text): `model` (`ModelConfig`), `decode` (`DecodeConfig`),
`provenance` (recipe, data, seeds, what the weights started from), and optionally `calibration`
(what `siamla calibrate` fitted to the weights). Beside `NAME.safetensors` lie
`NAME.sha256`, which lists all files of the checkpoint, and, for ONNX Runtime,
`NAME.template.onnx`, `NAME.search.onnx` and `NAME.onnx_data`, the tensors of both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siamla_ros.model.config import ModelConfig
from siamla_ros.model.decode_config import DecodeConfig

if TYPE_CHECKING:
    from siamla_ros.model import SiamLA

DATA_FOLDER = Path(__file__).resolve().parents[1] / 'data'
DEFAULT_MODEL = 'siamla_light'
FORMAT = 'siamla/1'


HASH_CHUNK_BYTES = 2**20


class WeightsError(RuntimeError):
    """Weights that cannot be used: missing, damaged, or made for something else."""


@dataclass(frozen=True)
class Checkpoint:
    """The description in a checkpoint file, without its tensors."""

    path: Path
    model: ModelConfig
    decode: DecodeConfig
    sha256: str
    provenance: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, dict[str, float]] = field(default_factory=dict)


def model_path(name: str | Path) -> Path:
    """The file of a shipped model (`default` or its name) or of a path.

    Raises:
        WeightsError: No such file; the message names the path and the shipped models.
    """
    text = str(name)
    shipped = DATA_FOLDER / f'{DEFAULT_MODEL if text == "default" else text}.safetensors'
    if '/' not in text and shipped.is_file():
        return shipped
    path = Path(text).expanduser()
    if path.is_file():
        return path
    names = ', '.join(['default', *sorted(p.stem for p in DATA_FOLDER.glob('*.safetensors'))])
    raise WeightsError(f'model = {text!r}: no such weights file; shipped models are {names}')


def graph_paths(weights: Path) -> tuple[Path, Path]:
    """Where the graphs of a checkpoint lie: of the template, of the search. Their tensors lie in
    `tensor_path`.
    """
    return weights.with_suffix('.template.onnx'), weights.with_suffix('.search.onnx')


def tensor_path(weights: Path) -> Path:
    """Where the tensors that both graphs share lie."""
    return weights.with_suffix('.onnx_data')


def int8_path(weights: Path) -> Path:
    """Where the search graph in 8 bits lies, if there is one."""
    return weights.with_suffix('.int8.onnx')


def read_checkpoint(name: str | Path) -> Checkpoint:
    """Read header and checksum.

    Raises:
        WeightsError: Missing or damaged file, other format, or a checksum that does not match.
    """
    from safetensors import SafetensorError, safe_open

    path = model_path(name)
    digest = verified_digest(path, path)
    try:
        with safe_open(str(path), framework='np') as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f'{path}: damaged or not a safetensors file ({error})') from error
    if header.get('format') != FORMAT:
        raise WeightsError(f'{path}: format is {header.get("format")!r}, expected {FORMAT!r}')
    try:
        model = ModelConfig.from_dict(_mapping(header, 'model'))
        decode = DecodeConfig.from_dict(_mapping(header, 'decode'))
        provenance = _mapping(header, 'provenance')
        calibration = _mapping(header, 'calibration') if 'calibration' in header else {}
        for part, values in calibration.items():
            if not isinstance(values, dict):
                raise ValueError(f'calibration.{part} is {values!r:.60}, must be a mapping')
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f'{path}: header cannot be used: {error}') from error
    return Checkpoint(path, model, decode, digest, provenance, calibration)


def _mapping(header: dict[str, str], name: str) -> dict[str, Any]:
    """A part of the header.

    Raises:
        KeyError: It is missing.
        ValueError: It is no mapping, or holds NaN or infinity.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f'{name} holds {constant}, must hold finite numbers')

    found = json.loads(header[name], parse_constant=refuse)
    if not isinstance(found, dict):
        raise ValueError(f'{name} is {found!r:.60}, must be a mapping')
    return found


def load_model(checkpoint: Checkpoint) -> SiamLA:
    """Build the network and load its tensors.

    Raises:
        WeightsError: Tensors are missing or have other shapes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from siamla_ros.model.factory import build_model

    model = build_model(checkpoint.model)
    try:
        model.load_state_dict(load_file(str(checkpoint.path)))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise WeightsError(f'{checkpoint.path}: {error}') from error
    return model


def save_checkpoint(
    path: Path,
    model: SiamLA,
    decode: DecodeConfig,
    provenance: dict[str, Any],
    half: bool = False,
) -> Checkpoint:
    """Write weights with their description, and the checksum beside them.

    Args:
        half: Keep convolution kernels as float16, half the size; they load as float32.

    Returns:
        What was written, read back.
    """
    from safetensors.torch import save_file

    header = {'model': model.config.to_dict(), 'decode': asdict(decode), 'provenance': provenance}
    tensors = {
        name: (value.half() if half and name.endswith('weight') else value).cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    return _written(path, lambda texts: save_file(tensors, str(path), metadata=texts), header)


def save_calibrated(
    checkpoint: Checkpoint,
    path: Path,
    decode: DecodeConfig,
    calibration: dict[str, dict[str, float]],
) -> Checkpoint:
    """Write the same tensors with another decode configuration and calibration.

    Exported graphs name the checkpoint that they were made of: export again.
    """
    from safetensors.numpy import load_file, save_file

    header = {
        'model': checkpoint.model.to_dict(),
        'decode': asdict(decode),
        'provenance': checkpoint.provenance,
        'calibration': calibration,
    }
    tensors = load_file(str(checkpoint.path))
    return _written(path, lambda texts: save_file(tensors, str(path), metadata=texts), header)


def _written(
    path: Path, save: Callable[[dict[str, str]], None], header: dict[str, Any]
) -> Checkpoint:
    """A file with this header and its checksum, read back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save({'format': FORMAT, **{name: json.dumps(value) for name, value in header.items()}})
    path.with_suffix('.sha256').unlink(missing_ok=True)
    note_digests(path, path)
    return read_checkpoint(path)


def note_digests(weights: Path, *paths: Path) -> None:
    """Write the sha256 of files of a checkpoint into its record, in the format of sha256sum."""
    noted = _noted_digests(weights) | {path.name: file_digest(path) for path in paths}
    lines = [f'{digest}  {name}\n' for name, digest in noted.items()]
    weights.with_suffix('.sha256').write_text(''.join(lines))


def verified_digest(weights: Path, path: Path) -> str:
    """The sha256 of a file of a checkpoint.

    Raises:
        WeightsError: It is not what the record says. A graph that the record does not name (of an
            older export) is not checked.
    """
    digest, noted = file_digest(path), _noted_digests(weights)
    expected = noted.get(path.name)
    if expected is None and path == weights and weights.with_suffix('.sha256').is_file():
        expected = next(iter(noted.values()), 'nothing')  # of weights under another name
    if expected not in (None, digest):
        raise WeightsError(
            f'{path}: sha256 is {digest}, {weights.with_suffix(".sha256").name} says {expected}: '
            'the file is damaged'
        )
    return digest


def _noted_digests(weights: Path) -> dict[str, str]:
    record = weights.with_suffix('.sha256')
    lines = record.read_text().splitlines() if record.is_file() else []
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    return {pair[-1].lstrip('*'): pair[0] for pair in pairs}


def file_digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal; read in chunks, whatever its size."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
