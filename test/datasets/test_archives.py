"""Data sets in the archives that they are shipped as give what their folders give."""

import json
import multiprocessing
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from siamla_ros.datasets.archives import ArchivePath, place_of
from siamla_ros.datasets.discovery import detect_format, load_dataset
from siamla_ros.datasets.sequence import DatasetError
from siamla_ros.datasets.track_index import indexed_tracks
from siamla_ros.datasets.training_pack import read_image
from siamla_ros.datasets.training_tracks import DatasetSpec, load_tracks

ROWS = '1,2,10,12\n2,2,10,12\n3,2,10,12\n'


def pack(folder: Path, kind: str = 'zip', top: bool = True) -> Path:
    """Pack a folder beside itself, under its name or without, and remove it."""
    archive = folder.with_name(f'{folder.name}.{kind}')
    files = [path for path in sorted(folder.rglob('*')) if path.is_file()]
    names = {path: path.relative_to(folder.parent if top else folder) for path in files}
    if kind == 'zip':
        with zipfile.ZipFile(archive, 'w') as out:
            for path, name in names.items():
                out.write(path, name)
    else:
        with tarfile.open(archive, 'w') as out:
            for path, name in names.items():
                out.add(path, f'./{name}')
    shutil.rmtree(folder)
    return archive


def lasot(root: Path, write_images) -> list[Path]:
    for number in (1, 2):
        folder = root / 'cat' / f'cat-{number}'
        write_images(folder / 'img', 3, '{:08d}.jpg')
        (folder / 'groundtruth.txt').write_text(ROWS)
        (folder / 'full_occlusion.txt').write_text('0,1,0')
        (folder / 'out_of_view.txt').write_text('0,0,0')
    return sorted(root.iterdir())


def content(sequences) -> list[tuple]:
    return [
        (item.name, item.boxes_xywh.tolist(), item.absent.tolist(), np.array(list(item.frames())))
        for item in sequences
    ]


@pytest.mark.parametrize('kind', ['zip', 'tar'])
def test_sequences_in_archives_are_those_of_their_folders(tmp_path, write_images, kind):
    (folder,) = lasot(tmp_path, write_images)
    unpacked = content(load_dataset(tmp_path))
    archive = pack(folder, kind)
    assert detect_format(tmp_path) == 'lasot'
    for root in (tmp_path, archive):
        packed = load_dataset(root, names=['cat-*'])
        assert repr(content(packed)) == repr(unpacked) and len(packed) == 2
        assert all(isinstance(path, ArchivePath) for path in packed[0].source.paths)


def test_what_is_unpacked_beside_its_archive_counts_once(tmp_path, write_images):
    (folder,) = lasot(tmp_path, write_images)
    kept = shutil.copytree(folder, tmp_path / 'copy')
    pack(folder)
    kept.rename(tmp_path / 'part_1')
    paths = [item.source.paths[0] for item in load_dataset(tmp_path)]
    assert len(paths) == 2 and all(isinstance(path, Path) for path in paths)


def test_trackingnet_has_an_archive_for_each_video(tmp_path, write_images):
    write_images(tmp_path / 'TRAIN_0' / 'zips' / 'abc', 3, '{}.jpg')
    (tmp_path / 'TRAIN_0' / 'anno').mkdir()
    (tmp_path / 'TRAIN_0' / 'anno' / 'abc.txt').write_text(ROWS)
    pack(tmp_path / 'TRAIN_0' / 'zips' / 'abc', top=False)
    (sequence,) = load_dataset(tmp_path)
    assert detect_format(tmp_path) == 'trackingnet'
    assert [path.name for path in sequence.source.paths] == ['1.jpg', '2.jpg', '3.jpg']
    assert len(list(sequence.frames())) == 3


def coco(root: Path, write_images) -> DatasetSpec:
    write_images(root / 'train2017', 2, '{:012d}.jpg')
    boxes = [(1, [4, 5, 20, 16]), (0, [1, 1, 12, 9])]
    (root / 'annotations').mkdir()
    (root / 'annotations' / 'instances_train2017.json').write_text(
        json.dumps(
            {
                'images': [{'id': n, 'file_name': f'{n + 1:012d}.jpg'} for n in range(2)],
                'annotations': [
                    {'id': 7 + n, 'image_id': n, 'bbox': box, 'iscrowd': 0} for n, box in boxes
                ],
            }
        )
    )
    return DatasetSpec('coco', root)


def test_tracks_of_archives_are_drawn_from_and_kept_in_an_index(tmp_path, write_images):
    spec = coco(tmp_path / 'coco', write_images)
    unpacked = [(t.name, t.fingerprint(), read_image(t[0].path)) for t in load_tracks(spec, [])]
    pack(spec.folder / 'train2017')
    for _ in range(2):
        packed = indexed_tracks(spec, tmp_path / 'index', [])
        found = [(t.name, t.fingerprint(), read_image(t[0].path)) for t in packed]
        assert repr(found) == repr(unpacked) and len(found) == 2
        assert isinstance(packed[0].paths[0], ArchivePath)


def test_processes_read_an_archive_at_once(tmp_path, write_images):
    write_images(tmp_path / 'many', 20, '{}.png')
    archive = ArchivePath(pack(tmp_path / 'many'))
    paths = sorted((archive / 'many').iterdir())
    here = [path.read_bytes() for path in paths]  # opened before the others begin
    with multiprocessing.get_context('fork').Pool(2) as pool:
        assert pool.map(ArchivePath.read_bytes, paths, chunksize=1) == here
    assert len({str(path) for path in paths}) == 20


def test_paths_are_known_by_their_text(tmp_path, write_images):
    write_images(tmp_path / 'a', 1, '0.png')
    path = ArchivePath(pack(tmp_path / 'a')) / 'a' / '0.png'
    assert place_of(str(path)) == path and hash(place_of(str(path))) == hash(path)
    assert (path.name, path.stem, path.suffix, path.parent.name) == ('0.png', '0', '.png', 'a')
    assert path.parent.parent.name == 'a' and path.parent.parent.is_dir() and not path.is_dir()
    with pytest.raises(FileNotFoundError, match=r'a\.zip!/a/1\.png: no such file'):
        (path.parent / '1.png').read_bytes()


def test_damaged_archives_are_named(tmp_path, write_images):
    (folder,) = lasot(tmp_path, write_images)
    archive = pack(folder)
    whole = archive.read_bytes()
    at = whole.index(b'\xff\xd8\xff')  # a picture, stored as it is
    archive.write_bytes(whole[: at + 40] + b'\0\0\0\0' + whole[at + 44 :])
    (sequence, _) = load_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r'cat\.zip!/cat/cat-1/img/0+\d\.jpg.* damaged'):
        list(sequence.frames())
    other = tmp_path / 'dog.zip'
    other.write_bytes(whole[:100])
    with pytest.raises(OSError, match=r'dog\.zip: no archive that can be read'):
        load_dataset(tmp_path)


CENTRAL, LOCAL = b'PK\x01\x02', b'PK\x03\x04'
# Offsets from the signatures of an entry, and what is written there.
DAMAGES = {
    'encrypted': ((CENTRAL, 8, b'\x01'), (LOCAL, 6, b'\x01')),
    'not supported': ((CENTRAL, 10, b'\x63'), (LOCAL, 8, b'\x63')),
    'invalid block type': ((LOCAL, 35, b'\xff'),),  # where the data begins
}


@pytest.mark.parametrize('words', DAMAGES)
def test_a_member_that_cannot_be_read_is_named(tmp_path, words):
    path = tmp_path / 'set.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('1.txt', '1,2,3,4' * 50)
    content = bytearray(path.read_bytes())
    for sign, offset, value in DAMAGES[words]:
        place = content.index(sign) + offset
        content[place : place + 1] = value
    path.write_bytes(content)
    with pytest.raises(OSError, match=rf'set\.zip!/1\.txt: damaged: .*{words}'):
        (ArchivePath(path) / '1.txt').read_bytes()


def test_a_folder_may_end_in_the_sign_of_an_archive():
    assert place_of('/data/wow!/got/1.jpg') == Path('/data/wow!/got/1.jpg')
    inner = place_of('/data/wow!/got.zip!/one/1.jpg')
    assert (inner.archive, str(inner.inner)) == (Path('/data/wow!/got.zip'), 'one/1.jpg')


def test_an_ending_in_capitals_is_one(tmp_path, write_images):
    lasot(tmp_path / 'set', write_images)
    archive = pack(tmp_path / 'set')
    shouted = archive.rename(archive.with_suffix('.ZIP'))
    assert [s.name for s in load_dataset(shouted)] == ['cat-1', 'cat-2']
    assert [s.name for s in load_dataset(tmp_path)] == ['cat-1', 'cat-2']


def test_an_archive_that_cannot_be_read_in_place_is_named_as_one(tmp_path):
    (tmp_path / 'set.tar.gz').write_bytes(b'\x1f\x8b')
    with pytest.raises(DatasetError, match='is a file, must be a folder, a ZIP archive or a plain'):
        load_dataset(tmp_path / 'set.tar.gz')
