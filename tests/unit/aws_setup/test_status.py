"""The steps left to the user after an apply."""

from tooling.aws_setup.settings import Databricks, Settings
from tooling.aws_setup.stacks import LATER, STACKS
from tooling.aws_setup.status import NEEDED, steps_left

ROLE = {"DatabricksRoleArn": "arn:aws:iam::1:role/x", "AlarmTopicArn": "arn:aws:sns:us-east-1:1:x"}


def test_a_role_without_an_external_id_leads_to_databricks() -> None:
    (step,) = steps_left(Settings(), ROLE)
    assert "databricks.external_id, and apply again" in step
    assert [*steps_left(Settings(databricks=Databricks(external_id="0-1")), ROLE)] == []
    assert [*steps_left(Settings(databricks=Databricks(access="instance-profile")), ROLE)] == []


def test_an_address_for_alarms_has_to_be_confirmed() -> None:
    steps = [*steps_left(Settings(alarm_email="me@example.org"), {"AlarmTopicArn": "x"})]
    assert steps == ["confirm the subscription mail that AWS sent to me@example.org, or no alarm arrives"]


def test_airflow_needs_its_connection() -> None:
    (step,) = steps_left(Settings(), {"DatabricksConnectionSecretArn": "x"})
    assert "DatabricksConnectionSecretArn" in step


def test_a_proxy_that_only_the_api_reaches_has_no_address_for_people() -> None:
    (clients,) = (stack.template.tree["Outputs"] for stack in STACKS if stack.name == "clients")
    addresses = {name: one.get("Condition") for name, one in clients.items() if "LoadBalancer.DNSName" in str(one)}
    assert {name: addresses[name] for name in NEEDED.keys() & addresses} == {"PublicProxyAddress": "Public"}


def test_whatever_a_person_needs_is_an_output() -> None:
    assert NEEDED.keys() <= {output for one in STACKS for output in one.template.outputs} | LATER
