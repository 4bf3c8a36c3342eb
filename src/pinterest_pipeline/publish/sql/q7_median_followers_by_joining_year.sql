-- The exact median of the posts' follower counts by the year in which the user joined.
SELECT
  YEAR(user.date_joined) AS post_year,
  MEDIAN(pin.follower_count) AS median_follower_count
FROM {pin} AS pin
JOIN {user} AS user ON user.ind = pin.ind
WHERE user.date_joined IS NOT NULL AND pin.follower_count IS NOT NULL
GROUP BY post_year
ORDER BY post_year
