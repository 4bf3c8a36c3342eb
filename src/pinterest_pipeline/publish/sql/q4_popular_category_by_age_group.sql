-- The most popular category of each age group. An unknown age, or one below 18, belongs to no group.
WITH counted AS (
  SELECT
    age_group,
    category,
    COUNT(*) AS category_count
  FROM {posts}
  WHERE age_group IS NOT NULL AND category IS NOT NULL
  GROUP BY age_group, category
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY age_group ORDER BY category_count DESC) AS ranking
  FROM counted
)
SELECT age_group, category, category_count
FROM ranked
WHERE ranking = 1
ORDER BY age_group, category
