"""API Gateway's own responses, and a document's changes of them: variables are replaced, no template engine runs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tooling.local_cloud.api_gateway.integrations import JSON

BAD_REQUEST_BODY = "BAD_REQUEST_BODY"
"""The response to a body that its model rejects."""

_SECTION = "x-amazon-apigateway-gateway-responses"
_VARIABLE = re.compile(r"\$context\.error\.(\w+)")
_DEFAULT = '{"message":$context.error.messageString}'


@dataclass(frozen=True)
class GatewayResponse:
    """One kind of response.

    Attributes:
        status: Its status.
        text: Its body, with variables.
    """

    status: int
    text: str = _DEFAULT

    def body(self, message: str, reason: str = "") -> str:
        """Return the body.

        Args:
            message: API Gateway's general message.
            reason: The fault of this request.
        """
        quoted = json.dumps(message)
        values = {"messageString": quoted, "message": quoted[1:-1], "validationErrorString": json.dumps(reason)[1:-1]}
        return _VARIABLE.sub(lambda found: values.get(found[1], ""), self.text)


def read_gateway_responses(document: Mapping[str, Any]) -> Mapping[str, GatewayResponse]:
    """Return the responses that a document changes, by their kind."""
    return {
        kind: GatewayResponse(int(response["statusCode"]), response["responseTemplates"][JSON])
        for kind, response in document.get(_SECTION, {}).items()
    }
