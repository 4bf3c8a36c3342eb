"""The ten answers once more, in plain Python and without SQL, for the tests to compare with."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from statistics import median

from tests.support.answering import Post, Rows

GROUPS = {"18-24": range(18, 25), "25-35": range(25, 36), "36-50": range(36, 51), "50+": range(51, 200)}


def age_group(post: Post) -> str | None:
    return next((name for name, ages in GROUPS.items() if post.age in ages), None)


def q1(posts: Sequence[Post]) -> Rows:
    return most_popular(counts(posts, lambda post: post.country))


def q2a(posts: Sequence[Post]) -> Rows:
    return [(year, category, count) for (year, category), count in counts(posts, posted_year).items()]


def q2b(posts: Sequence[Post]) -> Rows:
    return most_popular(counts(posts, posted_year))


def q3a(posts: Sequence[Post]) -> Rows:
    return list(leaders(posts))


def q3b(posts: Sequence[Post]) -> Rows:
    leading = leaders(posts)
    most = max(count for *_, count in leading)
    return list({(country, count) for country, _, count in leading if count == most})


def q4(posts: Sequence[Post]) -> Rows:
    return most_popular(counts(posts, age_group))


def q5(posts: Sequence[Post]) -> Rows:
    return medians(posts, lambda post: (age_group(post),))


def q6(posts: Sequence[Post]) -> Rows:
    people = {(post.user_name, post.age, post.joined) for post in posts}
    return list(Counter(joined for *_, joined in people if joined in range(2015, 2021)).items())


def q7(posts: Sequence[Post]) -> Rows:
    return medians(posts, lambda post: (post.joined,))


def q8(posts: Sequence[Post]) -> Rows:
    return medians(posts, lambda post: (age_group(post), post.joined))


def leaders(posts: Sequence[Post]) -> set[tuple[str, str, int]]:
    """Return country, name and followers of those with the most followers in their country."""
    followed = {
        (post.country, post.poster_name, post.follower_count)
        for post in posts
        if post.country and post.poster_name and post.follower_count is not None
    }
    return {leader for leader in followed if not any(o[0] == leader[0] and o[2] > leader[2] for o in followed)}


def posted_year(post: Post) -> int | None:
    return post.year if post.year in range(2018, 2023) else None


def counts(posts: Sequence[Post], place: Callable[[Post], Hashable]) -> Counter[tuple[Hashable, str]]:
    """Count the posts of each category in each place; what has no place or category is left out."""
    return Counter((place(post), post.category) for post in posts if place(post) is not None and post.category)


def most_popular(counted: Counter[tuple[Hashable, str]]) -> Rows:
    most: Counter[Hashable] = Counter()
    for (place, _), count in counted.items():
        most[place] = max(most[place], count)
    return [(place, category, count) for (place, category), count in counted.items() if count == most[place]]


def medians(posts: Iterable[Post], place: Callable[[Post], tuple[Hashable, ...]]) -> Rows:
    groups: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    for post in posts:
        if post.follower_count is not None and None not in place(post):
            groups[place(post)].append(post.follower_count)
    return [(*where, float(median(followers))) for where, followers in groups.items()]


REFERENCE = {"q1": q1, "q2a": q2a, "q2b": q2b, "q3a": q3a, "q3b": q3b, "q4": q4, "q5": q5, "q6": q6, "q7": q7, "q8": q8}
