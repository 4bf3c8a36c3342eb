-- The exact median of the posts' follower counts in each age group. An unknown age, or one below 18, belongs to none.
SELECT
  age_group,
  MEDIAN(follower_count) AS median_follower_count
FROM {posts}
WHERE age_group IS NOT NULL AND follower_count IS NOT NULL
GROUP BY age_group
ORDER BY age_group
