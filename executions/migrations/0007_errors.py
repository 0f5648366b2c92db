"""Errors grouped by their key, acknowledgements, and business keys with the rules that find them.

Runs that are stored already get their error key here, in batches by id.
"""

import hashlib
import re

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

BATCH = 5000

# How errors were told apart when this migration was written; later ways change nothing here.

CODE = re.compile(
    r"\x1b(?:\[([0-?]*)[ -/]*([@-~])?"  # its second group is "m" where it sets a colour
    r"|[\]PX^_](?:[^\x07\x1b\n]*(?:\x07|\x1b\\))?|[ -/]+[0-~]|[78=>cDEHMNOZ\\])?"
)


def without_codes(text: str) -> str:
    """Without what colours a terminal or moves its cursor (ECMA-48)."""
    return CODE.sub("", text) if "\x1b" in text else text


KEY_LENGTH = 16  # hexadecimal characters
LONGEST = 300  # characters looked at; as many as a summary has

SPACE = re.compile(r"\s+")
MONTHS = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
# The first that fits wins. What is `kept` tells errors apart: a 404 is not a 502.
VARYING = re.compile(
    r"""
    (?P<kept>
        \b(?:HTTP(?:/\d(?:\.\d)?)?|status(?:\ code)?|exit\ code|error\ code|code|errno)
            [\s:=\#-]{1,3}\d{1,6}\b
        | \bORA-\d{5}\b | \bSQLSTATE[\s:=\[]{1,2}\w{5}\b
        | \b[45]\d\d\b(?=\s(?:Client|Server|Bad|Unauthorized|Forbidden|Not|Gateway|Internal|Service
            |Too|Conflict|Request))
    )
    | (?P<url>\b[a-z][a-z0-9+.-]*://(?P<host>[^\s/"'<>:@]+)[^\s"'<>]*)
    | (?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)
    | (?P<time>
        \b\d{4}-\d{2}-\d{2}(?:[T\ ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\ ?Z|\ ?[+-]\d{2}:?\d{2})?)?
        | \b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b
        | \b(?:MONTH\ \d{1,2}|\d{1,2}\ MONTH)(?:,?\ \d{4})?\b
        | \b\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\b
    )
    | (?P<quoted>
        "[^"]*" | “[^”]*” | «[^»]*» | `[^`]*` | (?<!\w)'[^']*'(?!\w) | ‘[^’]*’(?!\w)
    )
    | (?P<path>(?<![\w.])(?:[a-z]:)?(?:[\\/][\w.@%+~=-]+){2,}[\\/]? | (?<!\S)[\\/][\w.@%+~=-]+)
    | (?P<id>
        \b0x[0-9a-f]+\b
        | \b(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{8,}\b
    )
    | (?P<number>\d+(?:[.,]\d+)*)
    """.replace("MONTH", MONTHS),
    re.IGNORECASE | re.VERBOSE,
)
MARKS = {"uuid": "#", "time": "<time>", "quoted": "<value>", "path": "<path>", "id": "#"}


def mask(text: str) -> str:
    """`Order 17 of "Ada": timeout after 30 s` becomes `order # of <value>: timeout after # s`."""
    line = SPACE.sub(" ", without_codes(text[:LONGEST])).strip()
    return VARYING.sub(masked_part, line).casefold().rstrip(" .!…")


def masked_part(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if match["kept"]:
        return match[0]
    if match["url"]:
        return f"<url {match['host']}>"
    return MARKS.get(kind, "#")


def error_key(text: str) -> str:
    """Equal for texts that tell the same error; "" where there is no text."""
    masked = mask(text)
    if not masked:
        return ""
    digest = hashlib.blake2b(masked.encode("utf-8", "replace"), digest_size=KEY_LENGTH // 2)
    return digest.hexdigest()


def give_keys(apps, schema_editor):
    connection, last = schema_editor.connection, 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT id, error_summary FROM executions_execution"
                " WHERE id > %s AND error_summary <> '' ORDER BY id LIMIT %s", [last, BATCH],
            )
            rows = cursor.fetchall()
            if not rows:
                return
            cursor.execute(
                "UPDATE executions_execution e SET error_key = k.key"
                " FROM unnest(%s::bigint[], %s::text[]) k(id, key) WHERE e.id = k.id",
                [[pk for pk, _ in rows], [error_key(text) for _, text in rows]],
            )
            last = rows[-1][0]


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('executions', '0006_runpage'),
        ('providers', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CorrelationRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Such as: order number', max_length=60, verbose_name='name of the key')),
                ('source', models.CharField(choices=[('name', "the run's name"), ('ref', "the run's identifier"), ('input', 'its input (parameters, labels)'), ('output', 'its output'), ('raw', "the provider's own object (tags, labels)"), ('error', 'its error text')], max_length=10)),
                ('path', models.CharField(blank=True, default='', help_text='Where in the value: $.order.id, or order.lines[0].number, or items[*].id. Empty: all of it.', max_length=200)),
                ('pattern', models.CharField(blank=True, default='', help_text='An RE2 pattern, at most one group: ORD-(\\d+) finds 17 in “ORD-17”. Empty: the whole text is the key.', max_length=300)),
                ('problem', models.CharField(blank=True, default='', editable=False, max_length=300)),
                ('problem_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'ordering': ('account', 'name', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='ErrorAcknowledgement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('error_key', models.CharField(max_length=16)),
                ('note', models.CharField(blank=True, default='', max_length=300)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('until', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ending', models.CharField(blank=True, choices=[('expired', 'expired'), ('succeeded', 'every workflow succeeded again'), ('released', 'taken back')], default='', max_length=10)),
            ],
        ),
        migrations.CreateModel(
            name='KeySearch',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='key_search', serialize=False, to='providers.provideraccount')),
                ('since', models.DateTimeField()),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('reached', models.DateTimeField(null=True)),
                ('reached_id', models.BigIntegerField(default=0)),
                ('looked_at', models.PositiveIntegerField(default=0)),
                ('found', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='RunKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('value', models.CharField(db_collation='C', max_length=200)),
                ('text', models.CharField(max_length=100)),
                ('sort_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='execution',
            name='error_key',
            field=models.CharField(blank=True, db_default='', max_length=16),
        ),
        migrations.RunPython(give_keys, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('error_key', ''), _negated=True), fields=['error_key', 'account', '-sort_at', '-id'], name='execution_error'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('error_key', ''), _negated=True), fields=['error_key', 'account', '-finished_at', '-id'], name='execution_error_end'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('error_key', ''), _negated=True), fields=['-finished_at', '-id'], name='execution_error_ended'),
        ),
        migrations.AddField(
            model_name='correlationrule',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='correlation_rules', to='providers.provideraccount'),
        ),
        migrations.AddField(
            model_name='erroracknowledgement',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='erroracknowledgement',
            name='team',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='auth.group'),
        ),
        migrations.AddField(
            model_name='keysearch',
            name='asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='runkey',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='providers.provideraccount'),
        ),
        migrations.AddField(
            model_name='runkey',
            name='execution',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='executions.execution'),
        ),
        migrations.AddConstraint(
            model_name='correlationrule',
            constraint=models.UniqueConstraint(fields=('account', 'name', 'source', 'path', 'pattern'), name='correlation_rule'),
        ),
        migrations.AddConstraint(
            model_name='correlationrule',
            constraint=models.CheckConstraint(condition=models.Q(('source__in', ['name', 'ref', 'input', 'output', 'raw', 'error'])), name='correlation_source'),
        ),
        migrations.AddConstraint(
            model_name='erroracknowledgement',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('error_key', 'team'), name='one_open_acknowledgement', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='erroracknowledgement',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ending', '')), models.Q(('ended_at__isnull', False), ('ending__in', ['expired', 'succeeded', 'released'])), _connector='OR'), name='acknowledgement_ending'),
        ),
        migrations.AddIndex(
            model_name='runkey',
            index=models.Index(fields=['value', 'account', '-sort_at', '-execution'], name='run_key_newest'),
        ),
        migrations.AddConstraint(
            model_name='runkey',
            constraint=models.UniqueConstraint(fields=('execution', 'value'), name='run_key'),
        ),
    ]
