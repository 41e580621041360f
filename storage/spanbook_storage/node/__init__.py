"""The embedded node: a child process that speaks ClickHouse HTTP in front of chDB."""
