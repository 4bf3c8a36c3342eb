-- The most popular category of each year. Categories that tie are all there.
WITH counted AS (
  SELECT
    YEAR(geo.timestamp) AS post_year,
    pin.category,
    COUNT(*) AS category_count
  FROM {pin} AS pin
  JOIN {geo} AS geo ON geo.ind = pin.ind
  WHERE YEAR(geo.timestamp) BETWEEN 2018 AND 2022 AND pin.category IS NOT NULL
  GROUP BY post_year, pin.category
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY post_year ORDER BY category_count DESC) AS ranking
  FROM counted
)
SELECT post_year, category, category_count
FROM ranked
WHERE ranking = 1
ORDER BY post_year, category
