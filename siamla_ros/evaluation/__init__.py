"""Evaluation of trackers: datasets, peers, metrics, reports.

Free of ROS; torch comes in only with the siamla tracker itself.
"""
