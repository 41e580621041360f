SELECT version, gathered_since, gathered, since, done, dirty_buckets, unlooked FROM derivation_state FINAL WHERE name = {name:String};
