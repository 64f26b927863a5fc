"""PostgreSQL: the schema and its migrations, the append, reading, following and verifying the log."""
