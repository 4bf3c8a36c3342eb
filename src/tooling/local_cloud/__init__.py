"""The pipeline's cloud on one machine: broker, REST proxy, sink and gateway. Never imported on Databricks."""
