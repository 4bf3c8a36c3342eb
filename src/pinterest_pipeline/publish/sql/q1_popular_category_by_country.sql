-- The most popular category of each country. Categories that tie are all there.
WITH counted AS (
  SELECT
    geo.country,
    pin.category,
    COUNT(*) AS category_count
  FROM {pin} AS pin
  JOIN {geo} AS geo ON geo.ind = pin.ind
  WHERE geo.country IS NOT NULL AND pin.category IS NOT NULL
  GROUP BY geo.country, pin.category
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY country ORDER BY category_count DESC) AS ranking
  FROM counted
)
SELECT country, category, category_count
FROM ranked
WHERE ranking = 1
ORDER BY country, category
