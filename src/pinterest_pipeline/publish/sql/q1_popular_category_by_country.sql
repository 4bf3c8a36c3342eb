-- The most popular category of each country. Categories that tie are all there.
WITH counted AS (
  SELECT
    country,
    category,
    COUNT(*) AS category_count
  FROM {posts}
  WHERE country IS NOT NULL AND category IS NOT NULL
  GROUP BY country, category
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY country ORDER BY category_count DESC) AS ranking
  FROM counted
)
SELECT country, category, category_count
FROM ranked
WHERE ranking = 1
ORDER BY country, category
