"""The API as who posts sees it: routes, requests, signatures, responses."""
