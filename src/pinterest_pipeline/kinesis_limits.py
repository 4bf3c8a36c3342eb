"""Kinesis' limits on what a producer sends, from the reference of PutRecords and the page on quotas of its guide."""

MAX_RECORDS = 500
"""Records of one PutRecords request."""

MAX_RECORD_BYTES = 2**20
"""A record's data and partition key together. A stream can be configured for more; the project's are not."""

MAX_REQUEST_BYTES = 10 * 2**20
"""All records of one PutRecords request, with their partition keys."""

MAX_KEY_LENGTH = 256
"""Characters of a partition key."""
