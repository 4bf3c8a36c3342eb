-- What the questions are about: a row for each post, with what is known of it, of its place and of its user. Where a table has
-- no row for a post, that table's columns are NULL.
SELECT
  pin.category,
  pin.poster_name,
  pin.follower_count,
  geo.country,
  YEAR(geo.timestamp) AS year_posted,
  user.user_name,
  user.age,
  user.date_joined,
  YEAR(user.date_joined) AS year_joined,
  CASE
    WHEN user.age BETWEEN 18 AND 24 THEN '18-24'
    WHEN user.age BETWEEN 25 AND 35 THEN '25-35'
    WHEN user.age BETWEEN 36 AND 50 THEN '36-50'
    WHEN user.age > 50 THEN '50+'
  END AS age_group
FROM {pin} AS pin
FULL JOIN {geo} AS geo ON geo.ind = pin.ind
FULL JOIN {user} AS user ON user.ind = COALESCE(pin.ind, geo.ind)
