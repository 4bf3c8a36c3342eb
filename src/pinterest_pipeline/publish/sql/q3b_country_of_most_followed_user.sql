-- The country of the user with the most followers of all. A user who posts from several countries names each.
WITH ranked AS (
  SELECT
    country,
    follower_count,
    DENSE_RANK() OVER (ORDER BY follower_count DESC) AS ranking
  FROM {posts}
  WHERE country IS NOT NULL AND poster_name IS NOT NULL AND follower_count IS NOT NULL
)
SELECT DISTINCT country, follower_count
FROM ranked
WHERE ranking = 1
ORDER BY country
