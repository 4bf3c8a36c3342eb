"""Sets up what the pipeline needs in an AWS account, by CloudFormation; knows nothing of Spark."""
