-- A version above all before it: the clock, unless that went back.
SELECT greatest(max(version) + 1, toUInt64(toUnixTimestamp64Micro(now64(6)))) FROM derivation_state WHERE name = {name:String};
