"""The entities pin, geo and user: the single declaration that everything else is derived from.

Source tables, generated rows, JSON schemas, Spark schemas, Delta tables, cleaning, checks, names and the data
dictionary are derived from it. This module imports neither a database driver nor Spark, so every package may import it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from pinterest_pipeline.errors import SettingsError


class Kind(StrEnum):
    """The type of a source column's values, as reasons for a rejection name it."""

    INTEGER = "a whole number"
    FLAG = "1 or 0, true or false"
    REAL = "a number"
    TEXT = "a text"
    COUNT = "a count such as 766, 217k or 1.2M"
    TIMESTAMP = "a timestamp such as 2018-08-24 07:56:22"


class Rule(StrEnum):
    """The rule that a rejected record violates; quarantine stores it, and alerts and the report count by it."""

    NOT_ONE_OBJECT = "not_one_object"
    REPEATED_FIELD = "repeated_field"
    MISSING_KEY = "missing_key"
    MISSING_FIELD = "missing_field"
    WRONG_KIND = "wrong_kind"
    NOT_ALLOWED = "not_allowed"
    OUT_OF_RANGE = "out_of_range"


class Form(StrEnum):
    """How the value of a clean column is derived from its source columns."""

    SAME = "the value itself"
    PAIR = "an array of the two values"
    JOINED = "the two texts with a space between them"


@dataclass(frozen=True)
class SourceColumn:
    """One column of a source table.

    Attributes:
        name: The column's name in the source table and in every posted record.
        kind: The type of its values.
        about: One line for the data dictionary.
        length: Maximum length of a text in the source table, in characters; 0 for other kinds.
        missing: Texts that mean "no value". An empty text always does.
        prefix: A constant prefix of every value, removed when it is cleaned.
        allowed: The values a text may have; empty means any.
        minimum: The smallest valid number; declared together with `maximum`.
        maximum: The largest valid number.
        required: Whether a record without this field is rejected.
    """

    name: str
    kind: Kind
    about: str
    length: int = 0
    missing: tuple[str, ...] = ()
    prefix: str = ""
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True

    def __post_init__(self) -> None:
        """Check that a range has both limits.

        Raises:
            ValueError: Only one of `minimum` and `maximum` is declared, which no rule would enforce.
        """
        if (self.minimum is None) != (self.maximum is None):
            raise ValueError(f"column {self.name}: declare both minimum and maximum, or neither")


@dataclass(frozen=True)
class CleanColumn:
    """One column of a clean table.

    Attributes:
        name: The column's name.
        type: Its Spark SQL type.
        about: One line for the data dictionary and the table's column comment.
        sources: Names of the source columns it is derived from; one, or two for a pair or a joined text.
        form: How the value is derived from them.
    """

    name: str
    type: str
    about: str
    sources: tuple[str, ...]
    form: Form = Form.SAME


@dataclass(frozen=True)
class Entity:
    """One of the three kinds of row in the pipeline.

    Attributes:
        name: Short name, used in topic, stream and table names.
        source_table: The table in the source database.
        about: One line for the data dictionary and the table comment.
        key: The source column that identifies a row; its clean column is always `ind`.
        source: Source columns in order.
        clean: Clean columns in order.
    """

    name: str
    source_table: str
    about: str
    key: str
    source: tuple[SourceColumn, ...]
    clean: tuple[CleanColumn, ...]

    def column(self, name: str) -> SourceColumn:
        """Return the source column of this name."""
        return next(column for column in self.source if column.name == name)


_KEY_ABOUT = "Identifies the post; joins the three tables."
_LARGEST_INT = 2**31 - 1
_IMAGE, _STORY, _VIDEO = "image", "multi-video(story page format)", "video"

PIN = Entity(
    name="pin",
    source_table="pinterest_data",
    about="One row per post.",
    key="index",
    source=(
        SourceColumn("index", Kind.INTEGER, _KEY_ABOUT, minimum=0, maximum=_LARGEST_INT),
        SourceColumn("unique_id", Kind.TEXT, "The post's UUID.", length=64),
        SourceColumn("title", Kind.TEXT, "Title.", length=1024, missing=("No Title Data Available",)),
        SourceColumn(
            "description",
            Kind.TEXT,
            "Description.",
            length=4096,
            missing=("No description available Story format", "No description available"),
        ),
        SourceColumn(
            "poster_name",
            Kind.TEXT,
            "Who posted; missing in rows older than the field.",
            length=255,
            missing=("User Info Error",),
            required=False,
        ),
        SourceColumn(
            "follower_count",
            Kind.COUNT,
            "Followers of the poster; k is a thousand, M a million.",
            length=32,
            missing=("User Info Error",),
        ),
        SourceColumn(
            "tag_list",
            Kind.TEXT,
            "Tags, separated by commas.",
            length=2048,
            missing=("N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",),
        ),
        SourceColumn("is_image_or_video", Kind.TEXT, "Kind of media.", length=64, allowed=(_IMAGE, _STORY, _VIDEO)),
        SourceColumn("image_src", Kind.TEXT, "URL of the image.", length=2048, missing=("Image src error.",)),
        SourceColumn(
            "downloaded",
            Kind.FLAG,
            "1 if the image was stored, else 0.",
            required=False,
        ),
        SourceColumn(
            "save_location", Kind.TEXT, "Folder the image was stored in.", length=255, prefix="Local save in "
        ),
        SourceColumn("category", Kind.TEXT, "The post's category.", length=64),
    ),
    clean=(
        CleanColumn("ind", "INT", _KEY_ABOUT, ("index",)),
        CleanColumn("unique_id", "STRING", "The post's UUID.", ("unique_id",)),
        CleanColumn("title", "STRING", "Title.", ("title",)),
        CleanColumn("description", "STRING", "Description.", ("description",)),
        CleanColumn("follower_count", "BIGINT", "Followers of the poster.", ("follower_count",)),
        CleanColumn("poster_name", "STRING", "Who posted.", ("poster_name",)),
        CleanColumn("tag_list", "STRING", "Tags, separated by commas.", ("tag_list",)),
        CleanColumn("is_image_or_video", "STRING", "Kind of media.", ("is_image_or_video",)),
        CleanColumn("image_src", "STRING", "URL of the image.", ("image_src",)),
        CleanColumn("save_location", "STRING", "Folder the image was stored in.", ("save_location",)),
        CleanColumn("category", "STRING", "The post's category.", ("category",)),
    ),
)

GEO = Entity(
    name="geo",
    source_table="geolocation_data",
    about="Where and when each post was made.",
    key="ind",
    source=(
        SourceColumn("ind", Kind.INTEGER, _KEY_ABOUT, minimum=0, maximum=_LARGEST_INT),
        SourceColumn("timestamp", Kind.TIMESTAMP, "When the post was made, UTC."),
        SourceColumn("latitude", Kind.REAL, "Degrees north.", minimum=-90, maximum=90),
        SourceColumn("longitude", Kind.REAL, "Degrees east.", minimum=-180, maximum=180),
        SourceColumn("country", Kind.TEXT, "Country the post was made in.", length=128),
    ),
    clean=(
        CleanColumn("ind", "INT", _KEY_ABOUT, ("ind",)),
        CleanColumn("country", "STRING", "Country the post was made in.", ("country",)),
        CleanColumn(
            "coordinates",
            "ARRAY<DOUBLE>",
            "Latitude and longitude, in degrees.",
            ("latitude", "longitude"),
            Form.PAIR,
        ),
        CleanColumn("timestamp", "TIMESTAMP", "When the post was made, UTC.", ("timestamp",)),
    ),
)

USER = Entity(
    name="user",
    source_table="user_data",
    about="Who made each post; one person has a row for each of their posts.",
    key="ind",
    source=(
        SourceColumn("ind", Kind.INTEGER, _KEY_ABOUT, minimum=0, maximum=_LARGEST_INT),
        SourceColumn("first_name", Kind.TEXT, "First name.", length=128),
        SourceColumn("last_name", Kind.TEXT, "Last name.", length=128),
        SourceColumn("age", Kind.INTEGER, "Age in years.", minimum=0, maximum=130),
        SourceColumn("date_joined", Kind.TIMESTAMP, "When the person joined, UTC."),
    ),
    clean=(
        CleanColumn("ind", "INT", _KEY_ABOUT, ("ind",)),
        CleanColumn("user_name", "STRING", "First and last name.", ("first_name", "last_name"), Form.JOINED),
        CleanColumn("age", "INT", "Age in years.", ("age",)),
        CleanColumn("date_joined", "TIMESTAMP", "When the person joined, UTC.", ("date_joined",)),
    ),
)

ENTITIES = (PIN, GEO, USER)
"""In the order of every list, table and report."""


@dataclass(frozen=True)
class Names:
    """The names of one deployment's topics and streams, all with one prefix.

    Attributes:
        prefix: The deployment's id: 3 to 32 lower-case letters, digits and inner hyphens, the characters that
            Kafka topics, Kinesis streams and S3 keys have in common.
    """

    prefix: str

    def __post_init__(self) -> None:
        """Check the prefix.

        Raises:
            SettingsError: The prefix has an invalid character or length.
        """
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{1,30})[a-z0-9]", self.prefix):
            raise SettingsError(
                "the prefix must be 3 to 32 lower-case letters, digits and inner hyphens, "
                f"such as 12f6b2c1ae4f; got {self.prefix!r}"
            )

    def topic(self, entity: Entity) -> str:
        """Return the Kafka topic that carries the entity's rows."""
        return f"{self.prefix}.{entity.name}"

    def stream(self, entity: Entity) -> str:
        """Return the Kinesis stream that carries the entity's rows."""
        return f"streaming-{self.prefix}-{entity.name}"
