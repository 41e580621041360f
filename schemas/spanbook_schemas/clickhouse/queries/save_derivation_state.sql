INSERT INTO derivation_state (name, version, gathered_since, gathered, since, done, dirty_buckets, unlooked)
SELECT {name:String}, {version:UInt64}, {gathered_since:Int64}, {gathered:Array(Tuple(String, UInt64))},
    {since:Int64}, {done:Array(Tuple(String, UInt64))}, {dirty:Array(UInt32)}, {unlooked:Array(Tuple(String, UInt64))};
