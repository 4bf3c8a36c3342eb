CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`pin_raw` (
  `payload` STRING COMMENT 'The record\'s text, untouched; bytes that are no UTF-8 in base64.',
  `origin` STRING COMMENT 'How it came: s3 or kinesis.',
  `position` STRING COMMENT 'Where it stands: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis took it.',
  `batch_id` STRING COMMENT 'The query and batch that brought it in.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'One row per post. As it arrived.'
TBLPROPERTIES (
  'delta.appendOnly' = 'false',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`pin` (
  `ind` INT NOT NULL COMMENT 'Identifies the post; joins the three tables.',
  `unique_id` STRING COMMENT 'The post\'s UUID.',
  `title` STRING COMMENT 'Title.',
  `description` STRING COMMENT 'Description.',
  `follower_count` BIGINT COMMENT 'Followers of the poster.',
  `poster_name` STRING COMMENT 'Who posted.',
  `tag_list` STRING COMMENT 'Tags, separated by commas.',
  `is_image_or_video` STRING COMMENT 'Kind of media.',
  `image_src` STRING COMMENT 'URL of the image.',
  `save_location` STRING COMMENT 'Folder the image was stored in.',
  `category` STRING COMMENT 'The post\'s category.',
  `_arrived_at` TIMESTAMP COMMENT 'When the record that this row was made from arrived.',
  `_position` STRING COMMENT 'Where that record stands: file and line, or shard and sequence number.',
  `_first_batch` STRING COMMENT 'The batch that saw this key first.',
  `_extra` MAP<STRING, STRING> COMMENT 'Fields of the record that the declaration does not know.'
)
USING DELTA
CLUSTER BY (`ind`)
COMMENT 'One row per post.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'ind,_arrived_at,_position,_first_batch',
  'delta.constraints.ordered' = '_arrived_at IS NOT NULL AND _position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`pin_quarantine` (
  `payload` STRING COMMENT 'The record\'s text, untouched; bytes that are no UTF-8 in base64.',
  `origin` STRING COMMENT 'How it came: s3 or kinesis.',
  `position` STRING COMMENT 'Where it stands: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis took it.',
  `batch_id` STRING COMMENT 'The query and batch that brought it in.',
  `reasons` ARRAY<STRING> COMMENT 'The texts of its rejections. Deprecated: gone in the next version.',
  `refined_in` STRING COMMENT 'The query and batch that turned it away.',
  `rejections` ARRAY<STRUCT<rule: STRING, column: STRING, text: STRING>> COMMENT 'Every rule that it breaks, the field that breaks it, and what was expected and found.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'One row per post. Turned away.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id,refined_in',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`geo_raw` (
  `payload` STRING COMMENT 'The record\'s text, untouched; bytes that are no UTF-8 in base64.',
  `origin` STRING COMMENT 'How it came: s3 or kinesis.',
  `position` STRING COMMENT 'Where it stands: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis took it.',
  `batch_id` STRING COMMENT 'The query and batch that brought it in.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Where and when each post was made. As it arrived.'
TBLPROPERTIES (
  'delta.appendOnly' = 'false',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`geo` (
  `ind` INT NOT NULL COMMENT 'Identifies the post; joins the three tables.',
  `country` STRING COMMENT 'Country the post was made in.',
  `coordinates` ARRAY<DOUBLE> COMMENT 'Latitude and longitude, in degrees.',
  `timestamp` TIMESTAMP COMMENT 'When the post was made, UTC.',
  `_arrived_at` TIMESTAMP COMMENT 'When the record that this row was made from arrived.',
  `_position` STRING COMMENT 'Where that record stands: file and line, or shard and sequence number.',
  `_first_batch` STRING COMMENT 'The batch that saw this key first.',
  `_extra` MAP<STRING, STRING> COMMENT 'Fields of the record that the declaration does not know.'
)
USING DELTA
CLUSTER BY (`ind`)
COMMENT 'Where and when each post was made.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'ind,_arrived_at,_position,_first_batch',
  'delta.constraints.ordered' = '_arrived_at IS NOT NULL AND _position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`geo_quarantine` (
  `payload` STRING COMMENT 'The record\'s text, untouched; bytes that are no UTF-8 in base64.',
  `origin` STRING COMMENT 'How it came: s3 or kinesis.',
  `position` STRING COMMENT 'Where it stands: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis took it.',
  `batch_id` STRING COMMENT 'The query and batch that brought it in.',
  `reasons` ARRAY<STRING> COMMENT 'The texts of its rejections. Deprecated: gone in the next version.',
  `refined_in` STRING COMMENT 'The query and batch that turned it away.',
  `rejections` ARRAY<STRUCT<rule: STRING, column: STRING, text: STRING>> COMMENT 'Every rule that it breaks, the field that breaks it, and what was expected and found.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Where and when each post was made. Turned away.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id,refined_in',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`user_raw` (
  `payload` STRING COMMENT 'The record\'s text, untouched; bytes that are no UTF-8 in base64.',
  `origin` STRING COMMENT 'How it came: s3 or kinesis.',
  `position` STRING COMMENT 'Where it stands: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis took it.',
  `batch_id` STRING COMMENT 'The query and batch that brought it in.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Who made each post; one person has a row for each of their posts. As it arrived.'
TBLPROPERTIES (
  'delta.appendOnly' = 'false',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`user` (
  `ind` INT NOT NULL COMMENT 'Identifies the post; joins the three tables.',
  `user_name` STRING COMMENT 'First and last name.',
  `age` INT COMMENT 'Age in years.',
  `date_joined` TIMESTAMP COMMENT 'When the person joined, UTC.',
  `_arrived_at` TIMESTAMP COMMENT 'When the record that this row was made from arrived.',
  `_position` STRING COMMENT 'Where that record stands: file and line, or shard and sequence number.',
  `_first_batch` STRING COMMENT 'The batch that saw this key first.',
  `_extra` MAP<STRING, STRING> COMMENT 'Fields of the record that the declaration does not know.'
)
USING DELTA
CLUSTER BY (`ind`)
COMMENT 'Who made each post; one person has a row for each of their posts.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'ind,_arrived_at,_position,_first_batch',
  'delta.constraints.ordered' = '_arrived_at IS NOT NULL AND _position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`user_quarantine` (
  `payload` STRING COMMENT 'The record\'s text, untouched; bytes that are no UTF-8 in base64.',
  `origin` STRING COMMENT 'How it came: s3 or kinesis.',
  `position` STRING COMMENT 'Where it stands: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis took it.',
  `batch_id` STRING COMMENT 'The query and batch that brought it in.',
  `reasons` ARRAY<STRING> COMMENT 'The texts of its rejections. Deprecated: gone in the next version.',
  `refined_in` STRING COMMENT 'The query and batch that turned it away.',
  `rejections` ARRAY<STRUCT<rule: STRING, column: STRING, text: STRING>> COMMENT 'Every rule that it breaks, the field that breaks it, and what was expected and found.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Who made each post; one person has a row for each of their posts. Turned away.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id,refined_in',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`runs` (
  `stage` STRING COMMENT 'ingest, refine, replay or publish.',
  `subject` STRING COMMENT 'The entity, or the answer.',
  `batch` STRING COMMENT 'The query and batch, or what publish read.',
  `rows_read` BIGINT COMMENT 'Rows that came in.',
  `rows_kept` BIGINT COMMENT 'Rows that the stage added.',
  `rows_rejected` BIGINT COMMENT 'Rows that went to quarantine.',
  `rows_replaced` BIGINT COMMENT 'Rows that are no longer there, or never were, since a newer one is.',
  `oldest_arrival` TIMESTAMP COMMENT 'When the oldest row of the batch arrived.',
  `newest_arrival` TIMESTAMP COMMENT 'When the newest row of the batch arrived.',
  `latency_p50_seconds` DOUBLE COMMENT 'From arrival to commit, for half of its rows at most; streams only.',
  `latency_p99_seconds` DOUBLE COMMENT 'The same for 99 of 100 rows.',
  `started_at` TIMESTAMP COMMENT 'When the stage took the batch up.',
  `finished_at` TIMESTAMP COMMENT 'When it had committed it.'
)
USING DELTA
CLUSTER BY (`finished_at`)
COMMENT 'What each run read, kept, turned away and replaced.'
TBLPROPERTIES (
  'delta.appendOnly' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.constraints.named' = 'stage IS NOT NULL AND subject IS NOT NULL'
);

