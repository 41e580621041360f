INSERT INTO derivation_state (name, version, since, done, dirty_buckets)
SELECT {name:String}, {version:UInt64}, {since:Int64}, arrayZip({partitions:Array(String)}, {blocks:Array(UInt64)}), {dirty:Array(UInt32)};
