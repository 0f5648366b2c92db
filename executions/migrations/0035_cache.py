"""The table of the cache: what limits guesses of codes, and marks a code as used, counts in every
web process."""

from django.db import migrations

MAKE = """
CREATE TABLE IF NOT EXISTS executions_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX IF NOT EXISTS executions_cache_expires ON executions_cache (expires);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0034_second_person'),
    ]

    operations = [
        migrations.RunSQL(MAKE, 'DROP TABLE executions_cache'),
    ]
