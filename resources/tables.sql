CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`pin_raw` (
  `payload` STRING COMMENT 'The record\'s text, unchanged; base64 if its bytes are not UTF-8.',
  `origin` STRING COMMENT 'Source of the record: s3 or kinesis.',
  `position` STRING COMMENT 'Position at the source: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis received the record.',
  `batch_id` STRING COMMENT 'The query and batch that ingested the record.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'One row per post. Records as they arrived.'
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
  `_arrived_at` TIMESTAMP COMMENT 'When the record of this row arrived.',
  `_position` STRING COMMENT 'Position of that record: file and line, or shard and sequence number.',
  `_first_batch` STRING COMMENT 'The batch that inserted this key.',
  `_extra` MAP<STRING, STRING> COMMENT 'Undeclared fields of the record.'
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
  `payload` STRING COMMENT 'The record\'s text, unchanged; base64 if its bytes are not UTF-8.',
  `origin` STRING COMMENT 'Source of the record: s3 or kinesis.',
  `position` STRING COMMENT 'Position at the source: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis received the record.',
  `batch_id` STRING COMMENT 'The query and batch that ingested the record.',
  `reasons` ARRAY<STRING> COMMENT 'The texts of rejections. Deprecated: removed in the next version.',
  `refined_in` STRING COMMENT 'The query and batch that rejected the record.',
  `rejections` ARRAY<STRUCT<rule: STRING, column: STRING, text: STRING>> COMMENT 'Each violated rule, with the field and what was expected and found.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'One row per post. Rejected records.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id,refined_in',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`geo_raw` (
  `payload` STRING COMMENT 'The record\'s text, unchanged; base64 if its bytes are not UTF-8.',
  `origin` STRING COMMENT 'Source of the record: s3 or kinesis.',
  `position` STRING COMMENT 'Position at the source: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis received the record.',
  `batch_id` STRING COMMENT 'The query and batch that ingested the record.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Where and when each post was made. Records as they arrived.'
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
  `_arrived_at` TIMESTAMP COMMENT 'When the record of this row arrived.',
  `_position` STRING COMMENT 'Position of that record: file and line, or shard and sequence number.',
  `_first_batch` STRING COMMENT 'The batch that inserted this key.',
  `_extra` MAP<STRING, STRING> COMMENT 'Undeclared fields of the record.'
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
  `payload` STRING COMMENT 'The record\'s text, unchanged; base64 if its bytes are not UTF-8.',
  `origin` STRING COMMENT 'Source of the record: s3 or kinesis.',
  `position` STRING COMMENT 'Position at the source: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis received the record.',
  `batch_id` STRING COMMENT 'The query and batch that ingested the record.',
  `reasons` ARRAY<STRING> COMMENT 'The texts of rejections. Deprecated: removed in the next version.',
  `refined_in` STRING COMMENT 'The query and batch that rejected the record.',
  `rejections` ARRAY<STRUCT<rule: STRING, column: STRING, text: STRING>> COMMENT 'Each violated rule, with the field and what was expected and found.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Where and when each post was made. Rejected records.'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.dataSkippingStatsColumns' = 'arrived_at,origin,position,batch_id,refined_in',
  'delta.constraints.identified' = 'origin IN (\'s3\', \'kinesis\') AND position IS NOT NULL'
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${schema}`.`user_raw` (
  `payload` STRING COMMENT 'The record\'s text, unchanged; base64 if its bytes are not UTF-8.',
  `origin` STRING COMMENT 'Source of the record: s3 or kinesis.',
  `position` STRING COMMENT 'Position at the source: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis received the record.',
  `batch_id` STRING COMMENT 'The query and batch that ingested the record.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Who made each post; one person has a row for each of their posts. Records as they arrived.'
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
  `_arrived_at` TIMESTAMP COMMENT 'When the record of this row arrived.',
  `_position` STRING COMMENT 'Position of that record: file and line, or shard and sequence number.',
  `_first_batch` STRING COMMENT 'The batch that inserted this key.',
  `_extra` MAP<STRING, STRING> COMMENT 'Undeclared fields of the record.'
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
  `payload` STRING COMMENT 'The record\'s text, unchanged; base64 if its bytes are not UTF-8.',
  `origin` STRING COMMENT 'Source of the record: s3 or kinesis.',
  `position` STRING COMMENT 'Position at the source: file and line, or shard and sequence number.',
  `arrived_at` TIMESTAMP COMMENT 'When its file was written, or Kinesis received the record.',
  `batch_id` STRING COMMENT 'The query and batch that ingested the record.',
  `reasons` ARRAY<STRING> COMMENT 'The texts of rejections. Deprecated: removed in the next version.',
  `refined_in` STRING COMMENT 'The query and batch that rejected the record.',
  `rejections` ARRAY<STRUCT<rule: STRING, column: STRING, text: STRING>> COMMENT 'Each violated rule, with the field and what was expected and found.'
)
USING DELTA
CLUSTER BY (`arrived_at`)
COMMENT 'Who made each post; one person has a row for each of their posts. Rejected records.'
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
  `subject` STRING COMMENT 'The entity, or the answer\'s name.',
  `batch` STRING COMMENT 'The query and batch, or the table versions that publish read.',
  `rows_read` BIGINT COMMENT 'Rows read.',
  `rows_kept` BIGINT COMMENT 'Rows added by the stage.',
  `rows_rejected` BIGINT COMMENT 'Rows sent to quarantine.',
  `rows_replaced` BIGINT COMMENT 'Rows superseded by a newer record of the same key.',
  `oldest_arrival` TIMESTAMP COMMENT 'When the oldest row of the batch arrived.',
  `newest_arrival` TIMESTAMP COMMENT 'When the newest row of the batch arrived.',
  `latency_p50_seconds` DOUBLE COMMENT 'Median latency from arrival to commit; streams only.',
  `latency_p99_seconds` DOUBLE COMMENT '99th percentile of the same latency.',
  `started_at` TIMESTAMP COMMENT 'When the stage started the batch.',
  `finished_at` TIMESTAMP COMMENT 'When the stage committed the batch.'
)
USING DELTA
CLUSTER BY (`finished_at`)
COMMENT 'What each run read, kept, rejected and replaced.'
TBLPROPERTIES (
  'delta.appendOnly' = 'true',
  'delta.logRetentionDuration' = 'interval 30 days',
  'delta.deletedFileRetentionDuration' = 'interval 7 days',
  'delta.checkpointInterval' = '10',
  'delta.constraints.named' = 'stage IS NOT NULL AND subject IS NOT NULL'
);

