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
