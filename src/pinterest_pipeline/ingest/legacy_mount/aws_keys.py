"""A pair of AWS keys, and the names under which it is stored for the legacy mount. Needs no Spark."""

from dataclasses import dataclass, field
from urllib.parse import quote

from pinterest_pipeline.errors import StageError

KEY_COLUMNS = ("Access key ID", "Secret access key")
"""The header of the file that the AWS console offers for download: the id, then the secret."""

SCOPE_NAMES = ("aws-access-key-id", "aws-secret-access-key")
"""The names that the same two values have in a secret scope."""


@dataclass(frozen=True)
class AwsKeys:
    """A pair of AWS keys; neither is shown when it is printed.

    Attributes:
        access_key_id: The id. It identifies the key and the account, so it is not shown either.
        secret_access_key: The secret.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)

    def __post_init__(self) -> None:
        """Check that neither is empty.

        Raises:
            StageError: One of them is empty.
        """
        if not (self.access_key_id and self.secret_access_key):
            raise StageError(
                "expected an AWS access key ID and a secret access key, but one of them is empty; store both again"
            )

    def redacted(self, text: str) -> str:
        """Return the text without the two keys, also in their URL-encoded form."""
        for key in (self.secret_access_key, self.access_key_id):
            for spelling in (key, quote(key, safe="")):
                text = text.replace(spelling, "[redacted]")
        return text
