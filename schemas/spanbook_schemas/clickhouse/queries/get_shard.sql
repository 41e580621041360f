-- Which shard this server belongs to; the paths of replicated tables hold the same macro.
SELECT getMacro('shard');
