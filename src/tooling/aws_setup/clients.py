"""Clients of the AWS services, and their errors as one line that says what to do."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_kafka import KafkaClient
    from mypy_boto3_kafkaconnect import KafkaConnectClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

# Adaptive: CloudFormation throttles frequent requests for events, and a long apply must survive that.
_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 10}, connect_timeout=10, read_timeout=60)
# Without an answer, the caller should learn of it before the tenth try.
_FIRST_CALL = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=5, read_timeout=20)

_NO_CREDENTIALS = "set AWS_PROFILE, sign in with `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_HINTS = {
    r"InvalidClientTokenId|UnrecognizedClient\w*|SignatureDoesNotMatch|InvalidAccessKeyId|AuthFailure": (
        f"AWS does not know these credentials, or the account has not enabled this region; {_NO_CREDENTIALS}"
    ),
    r"ExpiredToken\w*|RequestExpired|TokenRefreshRequired": f"the credentials have expired; {_NO_CREDENTIALS}",
    r"AccessDenied\w*|UnauthorizedOperation|NotAuthorized": "request the permission that the message names",
    r"OptInRequired|SubscriptionRequired\w*": "the account is not enabled for this region or service",
    r"LimitExceeded\w*|\w*QuotaExceeded\w*": "request a higher quota in Service Quotas in the console",
    r"Throttling\w*|RequestLimitExceeded|TooManyRequests\w*": "AWS throttles this account; try again in a few minutes",
}


class Clients:
    """The services that the driver calls.

    A client is created when it is first used: botocore reads the description of its service, which takes longer than a
    call, and most commands use a few of them.
    """

    def __init__(self, session: boto3.session.Session) -> None:
        """Keep the session that creates the clients."""
        self._session = session

    @cached_property
    def apigateway(self) -> APIGatewayClient:
        """Tells the account's role for logs."""
        return self._session.client("apigateway", config=_CONFIG)

    @cached_property
    def autoscaling(self) -> AutoScalingClient:
        """Tells which machines of the REST proxy are new."""
        return self._session.client("autoscaling", config=_CONFIG)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Makes, changes and removes everything."""
        return self._session.client("cloudformation", config=_CONFIG)

    @cached_property
    def s3(self) -> S3Client:
        """Uploads files, and lists buckets."""
        return self._session.client("s3", config=_CONFIG)

    @cached_property
    def kafka(self) -> KafkaClient:
        """Tells the brokers' addresses."""
        return self._session.client("kafka", config=_CONFIG)

    @cached_property
    def kafkaconnect(self) -> KafkaConnectClient:
        """Reports the connector's state."""
        return self._session.client("kafkaconnect", config=_CONFIG)

    @cached_property
    def ec2(self) -> EC2Client:
        """Closes the network's default security group."""
        return self._session.client("ec2", config=_CONFIG)

    @cached_property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        """Tells whether the REST proxy answers."""
        return self._session.client("elbv2", config=_CONFIG)

    @cached_property
    def kinesis(self) -> KinesisClient:
        """Says whether the streams hold data."""
        return self._session.client("kinesis", config=_CONFIG)

    @cached_property
    def rds(self) -> RDSClient:
        """Deletes a database, on request."""
        return self._session.client("rds", config=_CONFIG)

    @cached_property
    def kms(self) -> KMSClient:
        """Deletes the key, on request."""
        return self._session.client("kms", config=_CONFIG)

    @cached_property
    def sts(self) -> STSClient:
        """Tells which account this is."""
        return self._session.client("sts", config=_FIRST_CALL)


def open_clients(region: str, profile: str | None = None) -> Clients:
    """Return the clients for a region and the credentials of botocore's own chain.

    Raises:
        SettingsError: There is no such profile, or there are no credentials.
    """
    with aws_says("cannot use the AWS credentials"):
        session = boto3.session.Session(profile_name=profile, region_name=region)
        if session.get_credentials() is None:
            raise NoCredentialsError
        return Clients(session)


@contextmanager
def aws_says(doing: str) -> Iterator[None]:
    """Turn botocore's errors into one line.

    Args:
        doing: The action that failed, as the line begins.

    Raises:
        SettingsError: There are no credentials to call with.
        AwsError: AWS refused or could not be reached.
    """
    try:
        yield
    except (NoCredentialsError, ProfileNotFound, TokenRetrievalError, UnauthorizedSSOTokenError) as error:
        raise SettingsError(f"{doing}: {error}; {_NO_CREDENTIALS}") from error
    except EndpointConnectionError as error:
        raise AwsError(f"{doing}: {error}; check the network, and whether the region has this service") from error
    except ClientError as error:
        raise AwsError(f"{doing}: {in_words(error)}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise AwsError(f"{doing}: {error}") from error


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error."""
    return error.response.get("Error", {}).get("Code", "")


def in_words(error: ClientError) -> str:
    """Return AWS's error message on one line, with a hint where there is one."""
    code = code_of(error)
    message = " ".join(error.response.get("Error", {}).get("Message", "").split())
    said = f"{message} ({code})" if message else code
    hint = hint_for(code)
    return f"{said}; {hint}" if hint else said


def hint_for(code: str) -> str:
    """Return what to do about an error code; empty where nothing better than AWS's own words is known."""
    return next((hint for pattern, hint in _HINTS.items() if re.fullmatch(pattern, code)), "")
