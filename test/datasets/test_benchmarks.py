"""Layouts of benchmarks from a few tiny images, and what a damaged sequence costs."""

import numpy as np
import pytest

from siamla_ros.datasets.discovery import detect_format, load_dataset
from siamla_ros.datasets.sequence import DatasetError, ImageFrames

ROWS = '1,2,10,12\n2,2,10,12\n3,2,10,12\n'


def test_otb_rows_belong_to_the_first_images(tmp_path, write_images):
    images = write_images(tmp_path / 'Dog' / 'img', 5)
    (tmp_path / 'Dog' / 'groundtruth_rect.txt').write_text(ROWS)
    assert load_dataset(tmp_path)[0].source == ImageFrames(tuple(images[:3]))


def test_otb_with_far_more_images_than_rows_is_refused(tmp_path, write_images):
    write_images(tmp_path / 'Dog' / 'img', 14)
    (tmp_path / 'Dog' / 'groundtruth_rect.txt').write_text(ROWS)
    with pytest.raises(DatasetError, match='3 rows for 14 images'):
        load_dataset(tmp_path)


def test_a_mark_at_the_beginning_of_a_file_is_no_number(tmp_path, write_images):
    write_images(tmp_path / 'S' / 'img', 3)
    (tmp_path / 'S' / 'groundtruth_rect.txt').write_text(ROWS, encoding='utf-8-sig')
    assert len(load_dataset(tmp_path)[0]) == 3


def test_got10k_cover_zero_is_absent(tmp_path, write_images):
    write_images(tmp_path / 'GOT_1', 3)
    (tmp_path / 'GOT_1' / 'groundtruth.txt').write_text(ROWS)
    (tmp_path / 'GOT_1' / 'cover.label').write_text('8\n0\n3\n')
    assert load_dataset(tmp_path)[0].absent.tolist() == [False, True, False]
    (tmp_path / 'GOT_1' / 'cover.label').write_text('8\n0\n')
    with pytest.raises(DatasetError, match=r'cover\.label: 2 flags for 3 boxes'):
        load_dataset(tmp_path)


def test_got10k_targets_that_the_image_cuts_keep_their_boxes(tmp_path, write_images):
    write_images(tmp_path / 'GOT_1', 3)
    (tmp_path / 'GOT_1' / 'groundtruth.txt').write_text(ROWS)
    label = tmp_path / 'GOT_1' / 'cut_by_image.label'
    label.write_text('0\n1\n0\n')
    sequence = load_dataset(tmp_path)[0]
    assert not sequence.absent.any() and np.isfinite(sequence.boxes_xywh).all()
    for text, words in (('0\n1\n', '2 flags for 3 boxes'), ('0\n2\n0\n', 'expected 0 or 1')):
        label.write_text(text)
        with pytest.raises(DatasetError, match=rf'cut_by_image\.label.*{words}'):
            load_dataset(tmp_path)


def test_lasot_extension_lies_one_folder_deeper(tmp_path, write_images):
    folder = tmp_path / 'LaSOT_extension_subset' / 'atv' / 'atv-1'
    write_images(folder / 'img', 3)
    (folder / 'groundtruth.txt').write_text(ROWS)
    assert [item.name for item in load_dataset(tmp_path)] == ['atv-1']


def test_tnl2k(tmp_path, write_images):
    write_images(tmp_path / 'Airplane_1' / 'imgs', 3)
    (tmp_path / 'Airplane_1' / 'groundtruth.txt').write_text(ROWS)
    (tmp_path / 'Airplane_1' / 'language.txt').write_text('the airplane')
    assert detect_format(tmp_path) == 'lasot'
    assert len(load_dataset(tmp_path)[0]) == 3


def test_trackingnet_with_its_parts(tmp_path, write_images):
    for part, name, rows in (('TRAIN_0', 'abc', ROWS), ('TEST', 'xyz', '1,2,10,12\n')):
        write_images(tmp_path / part / 'frames' / name, 3, '{}.jpg')
        (tmp_path / part / 'anno').mkdir()
        (tmp_path / part / 'anno' / f'{name}.txt').write_text(rows)
    (tmp_path / 'zips').mkdir()
    assert detect_format(tmp_path) == 'trackingnet'
    assert [(item.name, len(item)) for item in load_dataset(tmp_path)] == [('xyz', 3), ('abc', 3)]


def test_uav123_cuts_videos(tmp_path, write_images):
    images = write_images(tmp_path / 'data_seq' / 'UAV123' / 'bird1', 9, '{:06d}.jpg')
    for image, number in zip(images[6:], (774, 775, 776)):
        image.rename(image.with_name(f'{number:06d}.jpg'))
    write_images(tmp_path / 'data_seq' / 'UAV123' / 'car1_s', 3, '{:06d}.jpg')
    annotations = tmp_path / 'anno' / 'UAV123'
    annotations.mkdir(parents=True)
    for name, rows in (('bird1_1', ROWS), ('bird1_2', ROWS[:20]), ('car1_s', ROWS)):
        (annotations / f'{name}.txt').write_text(rows)
    assert detect_format(tmp_path) == 'uav123'
    one, two, whole = load_dataset(tmp_path)
    assert [item.name for item in (one, two, whole)] == ['bird1_1', 'bird1_2', 'car1_s']
    assert [path.name for path in one.source.paths] == ['000001.jpg', '000002.jpg', '000003.jpg']
    assert [path.name for path in two.source.paths] == ['000775.jpg', '000776.jpg']
    assert len(whole) == 3


def test_mot_targets(tmp_path, write_images):
    images = write_images(tmp_path / 'MOT17-02' / 'img1', 30, '{:06d}.jpg')
    rows = [f'{frame},7,11,6,20,25,1,1,1.0' for frame in range(3, 31)]
    rows += [f'{frame},8,11,6,20,25,1,1,0.1' for frame in range(1, 31)]  # hidden throughout
    rows += [f'{frame},9,11,6,20,25,1,3,1.0' for frame in range(1, 31)]  # a car
    rows += [f'{frame},10,11,6,20,25,0,1,1.0' for frame in range(1, 31)]  # not counted
    (tmp_path / 'MOT17-02' / 'gt').mkdir()
    (tmp_path / 'MOT17-02' / 'gt' / 'gt.txt').write_text('\n'.join(rows))
    assert detect_format(tmp_path) == 'mot'
    (sequence,) = load_dataset(tmp_path)
    assert sequence.name == 'MOT17-02-7'
    assert sequence.source.paths == tuple(images[2:])
    assert sequence.boxes_xywh[0].tolist() == [10, 5, 20, 25]
    (tmp_path / 'MOT17-02' / 'gt' / 'gt.txt').write_text('31,7,11,6,20,25,1,1,1.0')
    with pytest.raises(DatasetError, match=r'gt\.txt:1: frame = 31: must lie in \[1, 30\]'):
        load_dataset(tmp_path)


def test_vots_has_a_file_a_target(tmp_path, write_images):
    write_images(tmp_path / 'v' / 'color', 3)
    (tmp_path / 'v' / 'groundtruth_1.txt').write_text('m1,2,4,3,5,2,2,2,1\n')
    (tmp_path / 'v' / 'groundtruth_2.txt').write_text('1,2,10,12\n')
    assert detect_format(tmp_path) == 'vot'
    one, two = load_dataset(tmp_path)
    assert (one.name, two.name, len(one), len(two)) == ('v-1', 'v-2', 3, 3)
    # 4 x 3 pixels: five of background, two of the object, two, two and one again
    assert one.init_box_xywh == (2, 3, 2, 2)


@pytest.mark.parametrize(
    ('row', 'box'),
    [
        ('m3,4,2,2,0,4', [3, 4, 2, 2]),
        ('m3,4,2,2,1,1', [4, 4, 1, 1]),
        ('m3,4,2,2,4', None),
        ('m0,0,0,0', None),
        ('0', None),
        ('0,0,0,0', None),
        ('0,0,0,0,0,0,0,0', None),
    ],
)
def test_vot_masks_and_empty_rows(tmp_path, write_images, row, box):
    write_images(tmp_path / 'v' / 'color', 2)
    (tmp_path / 'v' / 'groundtruth.txt').write_text(f'1,2,11,2,11,14,1,14\n{row}\n')
    found = load_dataset(tmp_path)[0].boxes_xywh[1]
    assert found.tolist() == box if box else np.isnan(found).all()


def test_a_mask_with_more_pixels_than_its_box_is_refused(tmp_path, write_images):
    write_images(tmp_path / 'v' / 'color', 1)
    (tmp_path / 'v' / 'groundtruth.txt').write_text('m3,4,2,2,0,5\n')
    with pytest.raises(DatasetError, match=r'groundtruth\.txt:1: .* 5 pixels in runs for 2 x 2'):
        load_dataset(tmp_path)


def test_what_was_not_asked_for_is_not_read(tmp_path, write_images):
    for name, rows in (('A', ROWS), ('B', '1,2,10\n')):
        write_images(tmp_path / name / 'img', 3)
        (tmp_path / name / 'groundtruth_rect.txt').write_text(rows)
    assert [item.name for item in load_dataset(tmp_path, names=['A'])] == ['A']


def test_a_damaged_sequence_is_left_out_and_reported_unless_it_is_named(tmp_path, write_images):
    for name, rows in (('Human4', ''), ('Dog', ROWS)):
        write_images(tmp_path / name / 'img', 3)
        (tmp_path / name / 'groundtruth_rect.txt').write_text(rows)
    said = []
    assert [item.name for item in load_dataset(tmp_path, on_damage=said.append)] == ['Dog']
    assert len(said) == 1 and said[0].endswith('Human4/groundtruth_rect.txt: empty')
    with pytest.raises(DatasetError, match='empty'):
        load_dataset(tmp_path, names=['Human4'], on_damage=said.append)
    with pytest.raises(DatasetError, match='no sequence in format otb that can be read'):
        (tmp_path / 'Dog' / 'groundtruth_rect.txt').write_text('')
        load_dataset(tmp_path, on_damage=said.append)
