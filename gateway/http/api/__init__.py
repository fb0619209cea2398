"""The REST interface under /api/v1: `wishes` come in, `views` go out, one table of endpoints, and the OpenAPI document from it."""
