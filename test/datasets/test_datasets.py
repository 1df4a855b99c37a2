"""Each layout from a folder of a few tiny images, and what is said of damaged ones."""

import cv2
import numpy as np
import pytest

from siamla_ros.datasets.discovery import detect_format, load_dataset, sequence_folders
from siamla_ros.datasets.sequence import DatasetError, ImageFrames, Sequence

ROWS = '1,2,10,12\n2,2,10,12\n3,2,10,12\n'


def test_video(moving_target):
    sequences = load_dataset(moving_target)
    assert [sequence.name for sequence in sequences] == ['down', 'right']
    assert detect_format(moving_target) == 'video'
    images = list(sequences[1].frames())
    assert len(images) == len(sequences[1]) == 12
    assert sequences[1].boxes_xywh[3].tolist() == [16, 12, 18, 14]
    assert images[3][19, 25].astype(int) == pytest.approx([40, 240, 250], abs=30)


def test_video_absence_flags_become_missing_boxes(moving_target):
    (moving_target / 'right' / 'absent.txt').write_text('0\n' * 10 + '1\n1\n')
    sequence = load_dataset(moving_target, names=['right'])[0]
    assert sequence.absent.sum() == 2
    assert np.isnan(sequence.boxes_xywh[10:]).all()


def test_otb_with_two_targets(tmp_path, write_images):
    write_images(tmp_path / 'Jog' / 'img', 3)
    (tmp_path / 'Jog' / 'groundtruth_rect.1.txt').write_text(ROWS)
    (tmp_path / 'Jog' / 'groundtruth_rect.2.txt').write_text(ROWS.replace(',', '\t'))
    assert detect_format(tmp_path) == 'otb'
    sequences = load_dataset(tmp_path)
    assert [sequence.name for sequence in sequences] == ['Jog-1', 'Jog-2']
    assert sequences[1].boxes_xywh[2].tolist() == [2, 1, 10, 12]  # OTB counts pixels from 1
    assert sequences[1].origin_px == 1.0


def test_otb_annotation_that_begins_later(tmp_path, write_images):
    images = write_images(tmp_path / 'BlurCar3' / 'img', 5)
    (tmp_path / 'BlurCar3' / 'groundtruth_rect.txt').write_text(ROWS)
    assert load_dataset(tmp_path)[0].source == ImageFrames(tuple(images[2:]))


def test_images_are_in_order_of_their_number(tmp_path, write_images):
    images = write_images(tmp_path / 'S' / 'img', 11, '{}.png')
    (tmp_path / 'S' / 'groundtruth_rect.txt').write_text('1 2 10 12\n' * 11)
    assert load_dataset(tmp_path)[0].source.paths == tuple(images)


def test_got10k(tmp_path, write_images):
    write_images(tmp_path / 'GOT_1', 3)
    (tmp_path / 'GOT_1' / 'groundtruth.txt').write_text(ROWS)
    (tmp_path / 'GOT_1' / 'absence.label').write_text('0\n1\n0\n')
    assert detect_format(tmp_path) == 'got10k'
    sequence = load_dataset(tmp_path)[0]
    assert sequence.absent.tolist() == [False, True, False]


def test_got10k_hidden_truth(tmp_path, write_images):
    write_images(tmp_path / 'GOT_1', 3)
    (tmp_path / 'GOT_1' / 'groundtruth.txt').write_text('1,2,10,12\n')
    sequence = load_dataset(tmp_path, 'got10k')[0]
    assert len(sequence) == 3
    assert not sequence.absent.any()  # unknown is not absent


def test_lasot_by_class(tmp_path, write_images):
    folder = tmp_path / 'cat' / 'cat-1'
    write_images(folder / 'img', 3)
    (folder / 'groundtruth.txt').write_text(ROWS)
    (folder / 'full_occlusion.txt').write_text('0,1,0\n')
    (folder / 'out_of_view.txt').write_text('0,0,1\n')
    assert detect_format(tmp_path) == 'lasot'
    assert sequence_folders(tmp_path) == [folder]
    assert load_dataset(tmp_path)[0].absent.tolist() == [False, True, True]


def test_trackingnet(tmp_path, write_images):
    write_images(tmp_path / 'frames' / 'abc', 3, '{}.jpg')
    (tmp_path / 'anno').mkdir()
    (tmp_path / 'anno' / 'abc.txt').write_text(ROWS)
    assert detect_format(tmp_path) == 'trackingnet'
    assert len(load_dataset(tmp_path)[0]) == 3


def test_davis_objects_by_color(tmp_path, write_images):
    write_images(tmp_path / 'JPEGImages' / '480p' / 'cow', 3, '{:05d}.jpg')
    masks = tmp_path / 'Annotations' / '480p' / 'cow'
    masks.mkdir(parents=True)
    for number in (1, 2, 3):
        mask = np.zeros((48, 64, 3), np.uint8)
        mask[10:20, 5:25] = (0, 0, 128)
        if number > 1:  # the second object enters late
            mask[30:34, 40:46] = (0, 128, 0)
        cv2.imwrite(str(masks / f'{number:05d}.png'), mask)
    assert detect_format(tmp_path) == 'davis'
    late, early = load_dataset(tmp_path)
    assert (late.name, early.name) == ('cow-1', 'cow-2')
    assert late.boxes_xywh.tolist() == [[40, 30, 6, 4]] * 2
    assert early.boxes_xywh.tolist() == [[5, 10, 20, 10]] * 3
    assert len(list(late.frames())) == 2


def test_vot_polygons_become_hulls(tmp_path, write_images):
    write_images(tmp_path / 'v' / 'color', 2)
    rows = '1,2,11,2,11,14,1,14\n5,0,10,5,5,10,0,5\n'
    (tmp_path / 'v' / 'groundtruth.txt').write_text(rows)
    assert detect_format(tmp_path) == 'vot'
    assert load_dataset(tmp_path)[0].boxes_xywh.tolist() == [[1, 2, 10, 12], [0, 0, 10, 10]]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ('1,2,10,12\n1,2,10\n1,2,3,4\n', r'groundtruth_rect\.txt:2: expected 4 numbers'),
        ('1,2,10,12\n1,2,3,4\n1,x,10,12\n', r"groundtruth_rect\.txt:3: not a number: 'x'"),
        ('1,2,10,12\n\n1,2,3,4\n', r'groundtruth_rect\.txt:2: an empty line'),
        ('', r'groundtruth_rect\.txt: empty'),
        ('1,2,10,12\n' * 4, r'groundtruth_rect\.txt: 4 rows for 3 images'),
        ('nan,nan,nan,nan\n1,2,3,4\n1,2,3,4\n', 'first frame has no box'),
    ],
)
def test_damaged_boxes(tmp_path, write_images, rows, message):
    write_images(tmp_path / 'S' / 'img', 3)
    (tmp_path / 'S' / 'groundtruth_rect.txt').write_text(rows)
    with pytest.raises(DatasetError, match=message):
        load_dataset(tmp_path)


def test_damaged_flags(moving_target):
    (moving_target / 'right' / 'absent.txt').write_text('0\n2\n')
    with pytest.raises(DatasetError, match=r"absent\.txt:2: expected 0 or 1, got '2'"):
        load_dataset(moving_target)


def test_more_rows_than_frames_is_noticed_while_reading(moving_target):
    truth = moving_target / 'right' / 'groundtruth_rect.txt'
    truth.write_text(truth.read_text() + '1,2,3,4\n')
    sequence = load_dataset(moving_target, names=['right'])[0]
    with pytest.raises(DatasetError, match='13 ground-truth rows but only 12 frames'):
        list(sequence.frames())


@pytest.mark.parametrize(
    ('names', 'layout', 'message'),
    [
        (['nope*'], 'auto', r"no sequence matches 'nope\*'; there are: down, right"),
        ([], 'otc', 'must be one of auto, video'),
    ],
)
def test_refuses(moving_target, names, layout, message):
    with pytest.raises(DatasetError, match=message):
        load_dataset(moving_target, layout, names)


def test_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match='no folder with groundtruth'):
        load_dataset(tmp_path)
    with pytest.raises(DatasetError, match='no such folder'):
        load_dataset(tmp_path / 'gone')


def test_unreadable_image(tmp_path, write_images):
    images = write_images(tmp_path / 'S' / 'img', 3)
    (tmp_path / 'S' / 'groundtruth_rect.txt').write_text(ROWS)
    images[1].write_bytes(b'not an image')
    with pytest.raises(DatasetError, match=r'0002\.png is not a readable image'):
        list(load_dataset(tmp_path)[0].frames())


def test_empty_boxes_are_unknown_not_absent():
    sequence = Sequence('s', ImageFrames(()), np.array([[0, 0, 5, 5], [0, 0, 0, 5]], float))
    assert np.isnan(sequence.boxes_xywh[1]).all()
    assert not sequence.absent.any()
