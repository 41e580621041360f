-- How many shards a cluster has, as this server is configured.
SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {cluster:String};
