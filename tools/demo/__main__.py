"""`make demo`: camera and tracker as separate processes over DDS, a box in, detections out.

Runs in the environment of `tools/with_env`. Leaves demo_output/annotated.mp4 and the logs of the
processes beside it, and what an earlier run left in demo_output/earlier/<number>; exits with 1
where no detection came. `python tools/demo leave_and_return`
and `follow` play other scenes, `detector` is a node that the first needs.
"""

import argparse
import importlib
import json
import os
import re
import shutil
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import rclpy
from ament_index_python.packages import PackageNotFoundError
from clip import Clip, ClipError, fetch_clip
from graph import (
    NAMESPACE,
    ROOT,
    SETTLE_S,
    DemoError,
    node,
    raise_on_failure,
    spin,
    wait_for_graph,
)
from outputs import explain_images, keep_earlier
from processes import Processes
from rclpy.executors import SingleThreadedExecutor
from watch import Watcher

from siamla_ros.cli.select_box import explain_without_display, select_box
from siamla_ros.cli.track import init_argument
from siamla_ros.datasets.video import FrameSource
from siamla_ros.geometry.boxes import Box
from siamla_ros.online.stats import Latency, percentiles

VIEWERS = 3  # of the images: tracker, recorder, and the demo itself
DRAIN_S = 2.5  # after the last image: diagnostics come once a second
OTHERS = ('leave_and_return', 'follow', 'detector')


def parse_arguments() -> argparse.Namespace:
    """Reads the command line; `make demo` passes VIDEO and INIT on."""
    parser = argparse.ArgumentParser(prog='make demo', description=__doc__)
    parser.add_argument('--video', help='video file, folder of images or number of a camera')
    parser.add_argument('--init', help='x,y,w,h of the target in its first image, in pixels')
    parser.add_argument('--rate', type=float, help="images a second; else the file's own")
    parser.add_argument('--seconds', type=float, help='stop after so long')
    parser.add_argument('--model', default='default', help='name of a model or a checkpoint file')
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda:N')
    parser.add_argument('--output', type=Path, default=ROOT / 'demo_output')
    return parser.parse_args()


def choose_clip(args: argparse.Namespace) -> Clip:
    """The user's own video and box, or the default ones."""
    if args.video is None:
        if args.init is not None:
            raise DemoError('INIT=x,y,w,h needs VIDEO=... to go with it')
        return fetch_clip(ROOT / '.cache')
    if not args.video.isdigit() and not Path(args.video).exists():
        raise DemoError(f'VIDEO={args.video}: no such file or folder')
    box = parse_box(args.init) if args.init else draw_box(args.video)
    source = args.video if args.video.isdigit() else Path(args.video).resolve()
    return Clip(Path(source), box, 0, 'target')


def parse_box(text: str) -> Box:
    """The box of INIT; DemoError where it is none."""
    try:
        return init_argument(text)[1]
    except argparse.ArgumentTypeError as error:
        raise DemoError(
            f'INIT={text}: must be x,y,w,h in pixels of the first image, four numbers'
        ) from error


def draw_box(video: str) -> Box:
    """The box that the user draws on the first image; DemoError says how else to give one."""
    try:
        with FrameSource(video) as source:
            image = next(iter(source), None)
    except ValueError as error:
        raise DemoError(f'VIDEO={video}: {error}') from error
    if image is None:
        raise DemoError(f'VIDEO={video}: holds no image')
    box = select_box(image)
    if box is None:
        raise DemoError(explain_without_display(image, f'make demo VIDEO={video}', 'INIT='))
    print('INIT=' + ','.join(f'{value:g}' for value in box), flush=True)
    return box


def tracker(args: argparse.Namespace) -> list[str]:
    """The command that starts the tracker: by the launch file where this ROS can launch."""
    if shutil.which('ros2') and find_spec('launch_ros'):
        return [
            'ros2',
            'launch',
            'siamla_ros',
            'tracker.launch.py',
            f'namespace:={NAMESPACE}',
            f'model:={args.model}',
            f'device:={args.device}',
        ]
    return node('tracker_node', model=args.model, device=args.device)


def play(
    args: argparse.Namespace,
    clip: Clip,
    video: Path,
    processes: Processes,
    executor: SingleThreadedExecutor,
    watcher: Watcher,
) -> None:
    """Starts the nodes and follows them until the video is over or the user stops it."""
    processes.start('tracker', tracker(args))
    # Encoding a video must not take the processor from what is shown.
    processes.start(
        'recorder',
        ['nice', '-n', '5']
        + node(
            'recorder',
            output=video,
            rate=args.rate or 0.0,
            print_every=0,
            summary=args.output / 'summary.json',
        ),
    )
    # Not counting the camera: it is started when everybody is ready, so that nobody misses image 0.
    wait_for_graph(processes, executor, lambda: watcher.graph_is_complete(VIEWERS))
    processes.start(
        'camera',
        node(
            'camera_node',
            source=clip.path,
            rate=args.rate or 0.0,
            loop=False,
            max_frames=clip.frames,
            wait_for_subscribers=VIEWERS,
            start_delay=SETTLE_S,
        ),
    )
    limit_s = time.monotonic() + (args.seconds or float('inf'))
    while not processes.ended('camera') and time.monotonic() < limit_s:
        executor.spin_once(timeout_sec=0.1)
        watcher.drop_images()
        raise_on_failure(processes)
    spin(executor, processes, DRAIN_S)


def run(args: argparse.Namespace) -> int:
    """Runs the whole demo; returns the exit status."""
    clip = choose_clip(args)
    kept = keep_earlier(args.output)
    if kept is not None:
        print(f'what the run before left is in {kept}')
    video = args.output / 'annotated.mp4'
    print(
        f'following the {clip.label} at {clip.init_box_xywh} in {clip.path}; Ctrl-C stops',
        flush=True,
    )
    rclpy.init(args=[], signal_handler_options=rclpy.SignalHandlerOptions.NO)
    watcher = Watcher(NAMESPACE, clip.init_box_xywh, clip.init_frame, clip.label)
    executor = SingleThreadedExecutor()
    executor.add_node(watcher)
    interrupted = False
    try:
        with Processes(args.output / 'log') as processes:
            try:
                play(args, clip, video, processes, executor, watcher)
            except KeyboardInterrupt:
                interrupted = True
                print('\nstopping ...', flush=True)
    finally:
        executor.shutdown()
        watcher.destroy_node()
        rclpy.shutdown()
    detections = report(args.output, processes, watcher)
    if detections == 0 and not interrupted:
        raise DemoError(f'no detection came; see {args.output}/log')
    return 130 if interrupted else 0


def report(output: Path, processes: Processes, watcher: Watcher) -> int:
    """Prints the figures and where to look; returns the number of detections."""
    tracker, latency = watcher.tracker_values, percentiles(watcher.latencies_s)
    camera = processes.log('camera') if processes.log_path('camera').exists() else ''
    published = re.findall(r'published (\d+)', camera)
    summary = output / 'summary.json'
    seen = json.loads(summary.read_text('utf-8')) if summary.exists() else {}
    frames = seen.get('video_frames', 0)
    told = published[-1] if published else ''
    print(
        f"""
images published by the camera    {told or 'none'}
       received by the tracker    {tracker.get('received', '?')}
       processed                  {tracker.get('processed', '?')}
       dropped for newer ones     {tracker.get('dropped', '?')}
detections published              {seen.get('detections', 0)}
stamp to detection, received      {_milliseconds(latency) if latency.count else 'none'}
annotated video                   {f'{seen["video"]}, {frames} frames' if frames else 'none'}
logs                              {output / 'log'}""",
        flush=True,
    )
    for line in explain_images(told, tracker, frames):
        print(line)
    return seen.get('detections', 0)


def _milliseconds(latency: Latency) -> str:
    return f'p50 {latency.p50_ms:.1f} ms, p95 {latency.p95_ms:.1f} ms'


def main() -> int:
    """Runs the demo; what a user can mend is one line."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT: ignored in a script's background job
        signal.signal(number, signal.default_int_handler)
    # Else images and init boxes would reach another demo, or a robot in the same network.
    if 'ROS_DOMAIN_ID' not in os.environ:
        os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
        domain = os.environ['ROS_DOMAIN_ID']
        print(f'ROS_DOMAIN_ID={domain}: export it in a terminal to look on from there', flush=True)
    try:
        if sys.argv[1:2] and sys.argv[1] in OTHERS:
            return importlib.import_module(sys.argv[1]).main(sys.argv[2:])
        return run(parse_arguments())
    except (ClipError, DemoError) as error:
        print(f'demo: {error}', file=sys.stderr)
    except PackageNotFoundError:
        print("demo: the package is not built; run 'make setup'", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == '__main__':
    sys.exit(main())
