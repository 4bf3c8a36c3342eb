-- The exact median of the posts' follower counts by the year in which the user joined and by age group.
SELECT
  age_group,
  year_joined AS post_year,
  MEDIAN(follower_count) AS median_follower_count
FROM {posts}
WHERE age_group IS NOT NULL AND year_joined IS NOT NULL AND follower_count IS NOT NULL
GROUP BY age_group, year_joined
ORDER BY age_group, year_joined
