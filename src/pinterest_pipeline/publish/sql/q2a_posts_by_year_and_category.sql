-- Posts per category and year. A category without posts in a year has no row there.
SELECT
  YEAR(geo.timestamp) AS post_year,
  pin.category,
  COUNT(*) AS category_count
FROM {pin} AS pin
JOIN {geo} AS geo ON geo.ind = pin.ind
WHERE YEAR(geo.timestamp) BETWEEN 2018 AND 2022 AND pin.category IS NOT NULL
GROUP BY post_year, pin.category
ORDER BY post_year, category_count DESC, pin.category
