#!/bin/bash
#
# Sets up the REST proxy's machine: Java, Kafka's command-line tools, the library that signs in to MSK with the machine's
# role, the three topics, and Confluent's REST proxy as a service.
#
# Runs as root on Amazon Linux 2023 (arm64 or x86_64) at first boot, and needs no access to the internet: packages
# come from Amazon's repositories and archives from the deployment's bucket, both through S3's gateway endpoint. It has no
# secret, only the machine's role. Safe to run again: correct files are not changed, and a running proxy is restarted only
# when one of its files has changed.
#
# Settings are the environment variables below. Exits with 0 when the proxy answers, else with one line that names the
# failure and where to look.

set -Eeuo pipefail
umask 022

# The region of the bucket and the brokers.
readonly AWS_REGION=${AWS_REGION:-}
# The bucket that holds the archives, and their keys, each archives/<sha256>/<file name>.
readonly ARTIFACTS_BUCKET=${ARTIFACTS_BUCKET:-}
readonly KAFKA_ARCHIVE_KEY=${KAFKA_ARCHIVE_KEY:-}
readonly IAM_JAR_KEY=${IAM_JAR_KEY:-}
readonly CONFLUENT_ARCHIVE_KEY=${CONFLUENT_ARCHIVE_KEY:-}
# The listeners with IAM authentication: host:port, separated by commas.
readonly BOOTSTRAP_BROKERS=${BOOTSTRAP_BROKERS:-}
# The topics are <PREFIX>.pin, <PREFIX>.geo and <PREFIX>.user. An existing topic is not changed.
readonly PREFIX=${PREFIX:-}
readonly PARTITIONS=${PARTITIONS:-}
readonly REPLICATION_FACTOR=${REPLICATION_FACTOR:-}
readonly RETENTION_HOURS=${RETENTION_HOURS:-}
# The log group that the machine's logs go to.
readonly LOG_GROUP=${LOG_GROUP:-}
# Where the proxy listens.
readonly PROXY_PORT=${PROXY_PORT:-8082}
# A folder before every path that is written, for the tests.
readonly ROOT=${ROOT:-}

readonly JAVA=java-17-amazon-corretto-headless
readonly AGENT=amazon-cloudwatch-agent
readonly SERVICE=kafka-rest
readonly INSTALLED=/opt/kafka-client
readonly SETTINGS=/etc/kafka-client
readonly AGENT_SETTINGS=/opt/aws/${AGENT}/etc/${AGENT}.json
readonly UNIT=/etc/systemd/system/${SERVICE}.service
readonly IAM_JAR=${INSTALLED}/iam/aws-msk-iam-auth.jar

doing="cannot begin"

say() {
  printf 'start.sh: %s\n' "$*"
}

die() {
  printf 'start.sh: failed: %s\n' "$*" >&2
  exit 1
}

# A command failed without a handler. In a subshell the parent reports the same failure.
stopped() {
  local status=$1 line=$2
  if [[ ${BASH_SUBSHELL} -eq 0 ]]; then
    die "${doing} (line ${line}, status ${status})"
  fi
}
trap 'stopped "$?" "${LINENO}"' ERR

attempt() {
  local left=$1
  shift
  until "$@"; do
    left=$((left - 1))
    if [[ ${left} -eq 0 ]]; then
      return 1
    fi
    sleep 10
  done
}

# An accepted value is safe in a properties file, a unit file and a command line.
need() {
  local name=$1 pattern=$2 looks=$3 value=${!1}
  [[ ${value} =~ ^(${pattern})$ ]] || die "${name} must be ${looks}; got ${value@Q}"
}

check_settings() {
  local key
  need AWS_REGION '[a-z]{2}(-[a-z]+)+-[0-9]+' 'a region such as eu-west-1'
  need ARTIFACTS_BUCKET '[a-z0-9][a-z0-9.-]+[a-z0-9]' 'the name of a bucket'
  for key in KAFKA_ARCHIVE_KEY IAM_JAR_KEY CONFLUENT_ARCHIVE_KEY; do
    need "${key}" 'archives/[0-9a-f]{64}/[A-Za-z0-9][A-Za-z0-9._-]*' 'archives/<sha256>/<file name>'
  done
  need BOOTSTRAP_BROKERS '[A-Za-z0-9.-]+:[0-9]+(,[A-Za-z0-9.-]+:[0-9]+)*' 'host:port, several separated by commas'
  need PREFIX '[a-z0-9][a-z0-9-]{1,30}[a-z0-9]' '3 to 32 lower-case letters, digits and inner hyphens'
  need REPLICATION_FACTOR '[1-9][0-9]*' 'a whole number from 1'
  need PARTITIONS '[1-9][0-9]*' 'a whole number from 1'
  need RETENTION_HOURS '[1-9][0-9]*' 'a whole number from 1'
  need LOG_GROUP '[A-Za-z0-9_/.-]+' 'the name of a log group'
  need PROXY_PORT '[1-9][0-9]{0,4}' 'a port'
}

check_machine() {
  local program
  [[ ${EUID} -eq 0 || -n ${ROOT} ]] || die "run it as root"
  for program in aws cmp curl dnf flock getent gzip rpm sha256sum systemctl tar useradd; do
    type -P "${program}" >/dev/null || die "there is no ${program}; use the standard image of Amazon Linux 2023"
  done
  mkdir -p "${ROOT}${INSTALLED}"
  exec 9>>"${ROOT}${INSTALLED}/lock"
  flock --nonblock 9 || die "another run of start.sh is under way; wait for it"
}

# The image is locked to the packages of its date, so the newest release is requested. Only at first boot, when nothing
# runs that an update could break: later a machine gets new packages by being replaced.
install_packages() {
  if rpm --query --quiet "${JAVA}" "${AGENT}"; then
    return
  fi
  say "installing security updates, ${JAVA} and ${AGENT}"
  doing="cannot install from Amazon Linux's repositories; does S3's gateway endpoint admit their bucket?"
  attempt 3 dnf --assumeyes --quiet --releasever=latest upgrade --security
  attempt 3 dnf --assumeyes --quiet --releasever=latest install "${JAVA}" "${AGENT}"
}

# First, so that this script's output is sent too. A machine that cannot send its logs still serves.
send_logs() {
  local before='' now begin=start
  if [[ -e ${ROOT}${AGENT_SETTINGS} ]]; then
    before=$(cat "${ROOT}${AGENT_SETTINGS}")
  fi
  put "${AGENT_SETTINGS}" <<END
{
  "agent": {"region": "${AWS_REGION}", "run_as_user": "root"},
  "logs": {
    "logs_collected": {
      "files": {
        "collect_list": [
          {
            "file_path": "/var/log/cloud-init-output.log",
            "log_group_name": "${LOG_GROUP}",
            "log_stream_name": "{instance_id}/installation"
          },
          {
            "file_path": "/var/log/${SERVICE}/${SERVICE}.log",
            "log_group_name": "${LOG_GROUP}",
            "log_stream_name": "{instance_id}/proxy",
            "timestamp_format": "%Y-%m-%dT%H:%M:%S",
            "multi_line_start_pattern": "{timestamp_format}"
          }
        ]
      }
    }
  }
}
END
  now=$(cat "${ROOT}${AGENT_SETTINGS}")
  if [[ ${now} != "${before}" ]]; then
    begin=restart
  fi
  if ! { systemctl enable --quiet "${AGENT}" && systemctl "${begin}" "${AGENT}"; }; then
    say "cannot start ${AGENT}: this machine's logs stay on it"
  fi
}

make_user() {
  doing="cannot make the user ${SERVICE}"
  if getent passwd "${SERVICE}" >/dev/null; then
    return
  fi
  useradd --system --no-create-home --home-dir / --shell /sbin/nologin "${SERVICE}"
  say "made the user ${SERVICE}"
}

# Puts an archive's content into a folder named after its checksum, with a link to it. The content appears by one rename,
# so a run that was killed leaves nothing that looks complete.
install_archive() {
  local key=$1 link=$2
  local file=${key##*/} sha256=${key#archives/}
  sha256=${sha256%%/*}
  local folder=${ROOT}${INSTALLED}/${sha256}
  if [[ ! -d ${folder} ]]; then
    say "installing ${file}"
    rm -rf "${folder}.partial"
    mkdir -p "${folder}.partial/content"
    fetch "${key}" "${sha256}" "${folder}.partial/${file}"
    doing="cannot unpack ${file}; is the disk full?"
    if [[ ${file} == *.jar ]]; then
      mv "${folder}.partial/${file}" "${folder}.partial/content/${IAM_JAR##*/}"
    else
      tar --extract --gzip --no-same-owner --no-same-permissions --strip-components=1 \
        --file "${folder}.partial/${file}" --directory "${folder}.partial/content"
    fi
    mv "${folder}.partial/content" "${folder}"
    rm -rf "${folder}.partial"
  fi
  ln --symbolic --force --no-dereference "${sha256}" "${ROOT}${INSTALLED}/${link}"
}

fetch() {
  local key=$1 sha256=$2 target=$3 got
  doing="cannot fetch s3://${ARTIFACTS_BUCKET}/${key}; may the machine's role read it, through S3's gateway endpoint?"
  attempt 5 aws s3 cp --only-show-errors --region "${AWS_REGION}" "s3://${ARTIFACTS_BUCKET}/${key}" "${target}"
  got=$(sha256sum "${target}")
  got=${got%% *}
  if [[ ${got} != "${sha256}" ]]; then
    rm "${target}"
    die "${key} is not what was pinned: expected SHA-256 ${sha256}, got ${got}; upload it again"
  fi
}

# Does not write a file that has this content already.
put() {
  local path=$1 new=${ROOT}$1.new
  doing="cannot write ${path}"
  mkdir -p "${new%/*}"
  cat >"${new}"
  chmod 0644 "${new}"
  if cmp --silent "${new}" "${ROOT}${path}"; then
    rm "${new}"
  else
    mv "${new}" "${ROOT}${path}"
    say "wrote ${path}"
  fi
}

# How any client signs in; the REST proxy reads the same with a prefix.
sign_in() {
  local prefix=$1
  cat <<END
${prefix}security.protocol=SASL_SSL
${prefix}sasl.mechanism=AWS_MSK_IAM
${prefix}sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;
${prefix}sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler
END
}

write_client_settings() {
  local signing
  signing=$(sign_in '')
  put "${SETTINGS}/client.properties" <<END
# Written by start.sh. For Kafka's own tools: --command-config ${SETTINGS}/client.properties
${signing}
# Requests to brokers time out soon; callers that wait for the brokers retry.
request.timeout.ms=10000
default.api.timeout.ms=20000
END
}

write_proxy_settings() {
  local signing
  signing=$(sign_in 'client.')
  put "${SETTINGS}/kafka-rest.properties" <<END
# Written by start.sh.
id=${PREFIX}
listeners=http://0.0.0.0:${PROXY_PORT}
bootstrap.servers=${BOOTSTRAP_BROKERS}
schema.registry.url=

# Clients of the proxy act with the machine's role, so it offers only what the pipeline uses: a health check, the topics,
# and JSON into a topic. The S3 sink stops at a record that is not JSON.
api.v3.enable=false
api.endpoints.allowlist=api.v2.root.get,api.v2.topics.list,api.v2.topics.get,api.v2.produce-to-topic.json

# As many concurrent large requests as fit into the memory.
thread.pool.max=64
server.connection.limit=1024

${signing}
client.client.id=${PREFIX}-kafka-rest
client.request.timeout.ms=10000
admin.default.api.timeout.ms=20000

# A record is accepted when every in-sync replica has it. The proxy has no idempotent producer: one request in flight
# keeps a retry from overtaking a later record.
producer.acks=all
producer.max.in.flight.requests.per.connection=1
producer.compression.type=lz4
producer.batch.size=131072
producer.linger.ms=5
# API Gateway waits 29 seconds: every record's result is known before.
producer.max.block.ms=5000
producer.delivery.timeout.ms=20000
END
  put "${SETTINGS}/log4j2.properties" <<'END'
# Written by start.sh. Everything to the journal, and to a file of limited size that goes to the log group.
status=warn
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%p %m (%c)%n
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName=${env:LOGS_DIRECTORY}/kafka-rest.log
appender.file.filePattern=${env:LOGS_DIRECTORY}/kafka-rest.log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{yyyy-MM-dd'T'HH:mm:ss,SSS}{UTC} %p %m (%c)%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=20MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
rootLogger.appenderRef.file.ref=file
END
}

write_unit() {
  put "${UNIT}" <<END
# Written by start.sh.
[Unit]
Description=REST proxy in front of the pipeline's Kafka topics
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
User=${SERVICE}
Group=${SERVICE}
Environment=AWS_REGION=${AWS_REGION}
Environment=CLASSPATH=${IAM_JAR}
# Out of memory, a restarted proxy is better than a failing one. No JMX agent, no files of the JVM's.
Environment="KAFKAREST_HEAP_OPTS=-XX:MaxRAMPercentage=60 -XX:+ExitOnOutOfMemoryError"
Environment=KAFKAREST_JMX_OPTS=-XX:-UsePerfData
Environment=KAFKAREST_LOG4J_OPTS=-Dlog4j2.configurationFile=${SETTINGS}/log4j2.properties
ExecStart=${INSTALLED}/confluent/bin/kafka-rest-start ${SETTINGS}/kafka-rest.properties
Restart=always
RestartSec=5
TimeoutStopSec=30
# Makes /var/log/kafka-rest, and names it in LOGS_DIRECTORY.
LogsDirectory=${SERVICE}
LogsDirectoryMode=0750
# The exit status of a JVM after SIGTERM.
SuccessExitStatus=143
LimitNOFILE=65536
TasksMax=512
MemoryMax=80%

# It reads its files and uses the network; the rest of the machine is closed to it.
AmbientCapabilities=
CapabilityBoundingSet=
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
UMask=0077

[Install]
WantedBy=multi-user.target
END
}

make_topics() {
  local name topic there tries=20
  local -a tool=(
    env "AWS_REGION=${AWS_REGION}" "CLASSPATH=${ROOT}${IAM_JAR}" "${ROOT}${INSTALLED}/kafka/bin/kafka-topics.sh"
    --bootstrap-server "${BOOTSTRAP_BROKERS}" --command-config "${ROOT}${SETTINGS}/client.properties"
  )
  until there=$("${tool[@]}" --list); do
    # The tool prints the reason in its first line, on standard output.
    there=${there%%$'\n'*}
    tries=$((tries - 1))
    [[ ${tries} -gt 0 ]] || die "no broker of ${BOOTSTRAP_BROKERS} lists its topics (${there:-it said nothing});" \
      "check the cluster, its security group and what the machine's role may do there"
    say "the brokers do not list their topics yet (${there:-they said nothing}); asking again"
    sleep 15
  done
  for name in pin geo user; do
    topic=${PREFIX}.${name}
    if grep --quiet --fixed-strings --line-regexp -- "${topic}" <<<"${there}"; then
      continue
    fi
    doing="cannot make the topic ${topic}; may the machine's role, and are there as many brokers as replicas?"
    "${tool[@]}" --create --if-not-exists --topic "${topic}" --partitions "${PARTITIONS}" \
      --replication-factor "${REPLICATION_FACTOR}" --config "retention.ms=$((RETENTION_HOURS * 3600000))"
    say "made the topic ${topic}"
  done
}

# Compares with the files of the proxy's last start, not with those that this run has written: an interrupted run has
# written files and not restarted the proxy.
start_proxy() {
  local started=${ROOT}${INSTALLED}/started before='' now
  doing="cannot start ${SERVICE}; see systemctl status ${SERVICE}"
  now=$({
    cat "${ROOT}${UNIT}" "${ROOT}${SETTINGS}/kafka-rest.properties" "${ROOT}${SETTINGS}/log4j2.properties"
    printf '%s\n' "${IAM_JAR_KEY}" "${CONFLUENT_ARCHIVE_KEY}"
  } | sha256sum)
  if [[ -e ${started} ]]; then
    before=$(cat "${started}")
  fi
  if [[ ${now} == "${before}" ]]; then
    systemctl start "${SERVICE}"
    wait_for_proxy
  else
    say "starting ${SERVICE}"
    systemctl daemon-reload
    systemctl enable --quiet "${SERVICE}"
    systemctl restart "${SERVICE}"
    wait_for_proxy
    printf '%s\n' "${now}" >"${started}"
  fi
}

wait_for_proxy() {
  local tries=30
  until curl --silent --fail --output /dev/null --max-time 5 "http://127.0.0.1:${PROXY_PORT}/"; do
    tries=$((tries - 1))
    if [[ ${tries} -eq 0 ]]; then
      journalctl --unit "${SERVICE}" --lines 20 --no-pager >&2 || true
      die "the proxy does not answer on port ${PROXY_PORT}; see journalctl --unit ${SERVICE}"
    fi
    sleep 5
  done
}

check_settings
check_machine
install_packages
send_logs
make_user
install_archive "${KAFKA_ARCHIVE_KEY}" kafka
install_archive "${IAM_JAR_KEY}" iam
install_archive "${CONFLUENT_ARCHIVE_KEY}" confluent
write_client_settings
write_proxy_settings
write_unit
make_topics
start_proxy
say "the proxy answers on port ${PROXY_PORT}"
