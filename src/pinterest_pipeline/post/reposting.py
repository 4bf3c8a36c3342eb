"""Posts dead letters again: posted rows are removed from the file, the others stay with their newest reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.post.api.client import ApiClient
from pinterest_pipeline.post.api.topic_routes import TopicRoute
from pinterest_pipeline.post.batch import PostSettings, Tally
from pinterest_pipeline.post.dead_letters import DeadLetters


def post_again(
    letters: DeadLetters, settings: PostSettings, on_progress: Callable[[Tally], None] = lambda _: None
) -> tuple[Tally, ...]:
    """Post the rows of a dead-letter file to their topics, in the file's order.

    A row that is posted again becomes the newest of its key. However the run ends, posted rows are removed from the
    file; only a kill leaves it unchanged, and the next run then sends the same rows again.

    Args:
        letters: The file.
        settings: The settings of the run; its progress and dead-letter files are not used.
        on_progress: Called at the start of each entity and whenever more of it is confirmed.

    Returns:
        A tally for each entity.

    Raises:
        SettingsError: A setting cannot be used, or another run is posting the same file.
        SourceError: The file cannot be read.
        PostError: The API refuses or fails permanently.
    """
    with (
        ApiClient(settings.api, settings.pace, auth=settings.auth, insecure_http=settings.insecure_http) as client,
        letters.exclusive(),
    ):
        run = _Run(letters, settings, client, on_progress)
        try:
            return tuple(run.post(entity) for entity in ENTITIES)
        finally:
            letters.keep(run.posted, run.reasons)


@dataclass(frozen=True)
class _Run:
    letters: DeadLetters
    settings: PostSettings
    client: ApiClient
    on_progress: Callable[[Tally], None]
    posted: set[int] = field(default_factory=set)
    reasons: dict[int, str] = field(default_factory=dict)

    def post(self, entity: Entity) -> Tally:
        route = TopicRoute(self.settings.names.topic(entity))
        tally = Tally(entity, self.letters.count(entity))
        self.on_progress(tally)
        records = (letter.record for letter in self.letters.letters() if letter.entity is entity)
        while page := list(islice(records, self.settings.pace.records_per_request)):
            outcome = self.client.post(route, page)
            refused = {refusal.record.position: refusal.reason for refusal in outcome.refused}
            self.reasons.update(refused)
            self.posted.update(record.position for record in page if record.position not in refused)
            tally = tally.plus(page, outcome)
            self.on_progress(tally)
        return tally
