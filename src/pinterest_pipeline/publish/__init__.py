"""The answers: one SQL file each, one Delta table each."""

from pinterest_pipeline.publish.answers import ANSWERS, Answer
from pinterest_pipeline.publish.publishing import answered, publish

__all__ = ["ANSWERS", "Answer", "answered", "publish"]
