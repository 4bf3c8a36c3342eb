"""A real Kafka broker, and stand-ins for the REST proxy and the S3 sink."""
