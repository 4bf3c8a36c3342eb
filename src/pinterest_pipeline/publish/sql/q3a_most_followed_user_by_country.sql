-- The user with the most followers in each country. Who posts often is named once; users who tie are all there.
WITH ranked AS (
  SELECT
    country,
    poster_name,
    follower_count,
    DENSE_RANK() OVER (PARTITION BY country ORDER BY follower_count DESC) AS ranking
  FROM {posts}
  WHERE country IS NOT NULL AND poster_name IS NOT NULL AND follower_count IS NOT NULL
)
SELECT DISTINCT country, poster_name, follower_count
FROM ranked
WHERE ranking = 1
ORDER BY country, poster_name
