-- Posts per category and year. A category without posts in a year has no row there.
SELECT
  year_posted AS post_year,
  category,
  COUNT(*) AS category_count
FROM {posts}
WHERE year_posted BETWEEN 2018 AND 2022 AND category IS NOT NULL
GROUP BY year_posted, category
ORDER BY post_year, category_count DESC, category
