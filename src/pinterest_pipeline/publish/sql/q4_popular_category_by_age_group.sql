-- The most popular category of each age group. An unknown age, or one below 18, belongs to no group.
WITH counted AS (
  SELECT
    user.age_group,
    pin.category,
    COUNT(*) AS category_count
  FROM {pin} AS pin
  JOIN {user} AS user ON user.ind = pin.ind
  WHERE user.age_group IS NOT NULL AND pin.category IS NOT NULL
  GROUP BY user.age_group, pin.category
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY age_group ORDER BY category_count DESC) AS ranking
  FROM counted
)
SELECT age_group, category, category_count
FROM ranked
WHERE ranking = 1
ORDER BY age_group, category
