-- Takes the remains of batches away, before they are written anew.
DELETE FROM {table:Identifier} WHERE _batch IN {batches:Array(UInt64)}
