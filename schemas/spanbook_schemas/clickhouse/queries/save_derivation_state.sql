INSERT INTO derivation_state (name, version, since, done, dirty_buckets, unlooked)
SELECT {name:String}, {version:UInt64}, {since:Int64}, arrayZip({partitions:Array(String)}, {blocks:Array(UInt64)}), {dirty:Array(UInt32)},
    arrayZip({unlooked_partitions:Array(String)}, {unlooked_blocks:Array(UInt64)});
