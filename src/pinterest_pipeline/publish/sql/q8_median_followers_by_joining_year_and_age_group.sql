-- The exact median of the posts' follower counts by the year in which the user joined and by age group.
SELECT
  user.age_group,
  YEAR(user.date_joined) AS post_year,
  MEDIAN(pin.follower_count) AS median_follower_count
FROM {pin} AS pin
JOIN {user} AS user ON user.ind = pin.ind
WHERE user.age_group IS NOT NULL AND user.date_joined IS NOT NULL AND pin.follower_count IS NOT NULL
GROUP BY user.age_group, post_year
ORDER BY user.age_group, post_year
