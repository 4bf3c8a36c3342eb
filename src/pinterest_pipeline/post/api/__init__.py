"""The API's client: routes, requests, signatures, responses."""
