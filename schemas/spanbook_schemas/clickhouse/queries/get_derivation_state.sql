SELECT version, since, done, dirty_buckets FROM derivation_state FINAL WHERE name = {name:String};
