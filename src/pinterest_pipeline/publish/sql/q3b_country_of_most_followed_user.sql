-- The country of the user with the most followers of all. A user who posts from several countries names each.
WITH ranked AS (
  SELECT
    geo.country,
    pin.follower_count,
    DENSE_RANK() OVER (ORDER BY pin.follower_count DESC) AS ranking
  FROM {pin} AS pin
  JOIN {geo} AS geo ON geo.ind = pin.ind
  WHERE geo.country IS NOT NULL AND pin.poster_name IS NOT NULL AND pin.follower_count IS NOT NULL
)
SELECT DISTINCT country, follower_count
FROM ranked
WHERE ranking = 1
ORDER BY country
