"""The request models of the API's document, from the declaration: API Gateway rejects other bodies before Kinesis.

API Gateway supports JSON schemas of draft 4 without anyOf, oneOf, additionalProperties and exclusiveMinimum.
"""

import re

import yaml

from pinterest_pipeline import kinesis_limits
from pinterest_pipeline.contracts.schemas import Schema
from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.errors import SettingsError

_MAX_SHARDS = 20_000
"""The largest default quota of an account (docs.aws.amazon.com, Kinesis' quotas); what it has left, Kinesis knows."""

MARK = "  # From the declaration by scripts/api_models.py; do not edit anything after this line.\n"
"""Where the models begin in the document; they go to its end."""


def request_models() -> dict[str, Schema]:
    """Return the models by name."""
    keys = sorted({entity.key for entity in ENTITIES})
    data: Schema = {
        "type": "string",
        "description": f"The JSON text of an object that names its key: {' or '.join(keys)}.",
        # Lazy, so that a check stops at the key, where it usually is: at the beginning.
        "pattern": rf'^[ \t\r\n]*\{{[\s\S]*?"({"|".join(map(re.escape, keys))})"[ \t\r\n]*:',
        # In characters, the least that they can be in bytes. Kinesis counts exactly.
        "maxLength": kinesis_limits.MAX_RECORD_BYTES - 1,
    }
    key: Schema = {
        "type": "string",
        "description": "Records of one partition key stay in order.",
        "minLength": 1,
        "maxLength": kinesis_limits.MAX_KEY_LENGTH,
    }
    return {
        "Record": _object("One record.", {"Data": data, "PartitionKey": key}),
        "Records": _object("Records for one request.", {"records": _records({"data": data, "partition-key": key})}),
        "NewStream": _object(
            "A stream to create.", {"ShardCount": {"type": "integer", "minimum": 1, "maximum": _MAX_SHARDS}}
        ),
    }


def with_models(document: str) -> str:
    """Return the document with today's models.

    Raises:
        SettingsError: The line before the models is missing.
    """
    head, mark, _ = document.partition(MARK)
    if not mark:
        raise SettingsError(f"the document must have this line before its models: {MARK.strip()!r}")
    models = yaml.dump({"schemas": request_models()}, Dumper=_NoAliases, sort_keys=False, width=120)
    return head + mark + "".join(f"  {line}\n" for line in models.splitlines())


def _object(about: str, fields: dict[str, Schema]) -> Schema:
    return {"type": "object", "description": about, "required": list(fields), "properties": fields}


def _records(fields: dict[str, Schema]) -> Schema:
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": kinesis_limits.MAX_RECORDS,
        "items": _object("One record.", fields),
    }


class _NoAliases(yaml.SafeDumper):
    """Writes a schema out each time: CloudFormation reads no YAML aliases."""

    def ignore_aliases(self, data: object) -> bool:
        """Say of every value that it needs none."""
        del data
        return True
