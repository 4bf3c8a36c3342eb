-- The exact median of the posts' follower counts in each age group. An unknown age, or one below 18, belongs to none.
SELECT
  user.age_group,
  MEDIAN(pin.follower_count) AS median_follower_count
FROM {pin} AS pin
JOIN {user} AS user ON user.ind = pin.ind
WHERE user.age_group IS NOT NULL AND pin.follower_count IS NOT NULL
GROUP BY user.age_group
ORDER BY user.age_group
