-- The user with the most followers in each country. Who posts often is named once; users who tie are all there.
WITH ranked AS (
  SELECT
    geo.country,
    pin.poster_name,
    pin.follower_count,
    DENSE_RANK() OVER (PARTITION BY geo.country ORDER BY pin.follower_count DESC) AS ranking
  FROM {pin} AS pin
  JOIN {geo} AS geo ON geo.ind = pin.ind
  WHERE geo.country IS NOT NULL AND pin.poster_name IS NOT NULL AND pin.follower_count IS NOT NULL
)
SELECT DISTINCT country, poster_name, follower_count
FROM ranked
WHERE ranking = 1
ORDER BY country, poster_name
