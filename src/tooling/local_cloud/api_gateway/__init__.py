"""A stand-in for API Gateway: it executes infrastructure/api.yaml."""
