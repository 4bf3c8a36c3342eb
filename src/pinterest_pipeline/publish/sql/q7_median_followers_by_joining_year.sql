-- The exact median of the posts' follower counts by the year in which the user joined.
SELECT
  year_joined AS post_year,
  MEDIAN(follower_count) AS median_follower_count
FROM {posts}
WHERE year_joined IS NOT NULL AND follower_count IS NOT NULL
GROUP BY year_joined
ORDER BY year_joined
