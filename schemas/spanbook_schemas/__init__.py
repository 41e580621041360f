"""Names that everybody shares: signals, attributes, entity events, ids, and the DDL of the store."""
