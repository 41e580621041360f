-- How many rows of each batch a table holds. Asked once, after the host stopped uncleanly.
SELECT _batch, count() FROM {table:Identifier} WHERE _batch IN {batches:Array(UInt64)} GROUP BY _batch
