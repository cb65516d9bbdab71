"""The PostgreSQL warehouse: connections, schema, writers, builds, marts, publishing."""
