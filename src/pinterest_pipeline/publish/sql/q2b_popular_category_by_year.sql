-- The most popular category of each year. Categories that tie are all there.
WITH counted AS (
  SELECT
    year_posted AS post_year,
    category,
    COUNT(*) AS category_count
  FROM {posts}
  WHERE year_posted BETWEEN 2018 AND 2022 AND category IS NOT NULL
  GROUP BY year_posted, category
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY post_year ORDER BY category_count DESC) AS ranking
  FROM counted
)
SELECT post_year, category, category_count
FROM ranked
WHERE ranking = 1
ORDER BY post_year, category
