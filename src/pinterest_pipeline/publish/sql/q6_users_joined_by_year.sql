-- People who joined each year. A person is all of their columns: not a row (one post), and not a name (two may share it).
SELECT
  year_joined AS post_year,
  COUNT(DISTINCT STRUCT(user_name, age, date_joined)) AS number_users_joined
FROM {posts}
WHERE year_joined BETWEEN 2015 AND 2020
GROUP BY year_joined
ORDER BY year_joined
