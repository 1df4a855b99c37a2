"""The tracker that one writes first, rclpy and OpenCV in forty lines: the baseline."""

import sys

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2D


class NaiveTracker(Node):
    def __init__(self):
        super().__init__('tracker')
        self.box, self.tracker = None, None
        self.create_subscription(Image, 'image', self.on_image, 1)
        self.create_subscription(Detection2D, 'init', self.on_init, 10)
        self.publisher = self.create_publisher(Detection2D, 'detection', 10)

    def on_init(self, message):
        center, w, h = message.bbox.center.position, message.bbox.size_x, message.bbox.size_y
        self.box = [int(center.x - w / 2), int(center.y - h / 2), int(w), int(h)]

    def on_image(self, message):
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        if self.box is not None:
            self.tracker, box = cv2.TrackerMIL.create(), self.box
            self.tracker.init(image, box)
            self.box = None
        elif self.tracker is not None:
            found, box = self.tracker.update(image)
            if not found:
                return
        else:
            return
        x, y, w, h = (float(value) for value in box)
        answer = Detection2D(header=message.header)
        answer.bbox.center.position.x, answer.bbox.center.position.y = x + w / 2, y + h / 2
        answer.bbox.size_x, answer.bbox.size_y = w, h
        self.publisher.publish(answer)


if __name__ == '__main__':
    rclpy.init(args=sys.argv)
    rclpy.spin(NaiveTracker())
