"""Trackers that the evaluation can run, each behind the two calls of `base.EvalTracker`."""
