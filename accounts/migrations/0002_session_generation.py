"""Counts how often a user was deactivated or activated, in the database itself: no statement can avoid it."""

from django.db import migrations, models

# It never goes back: somebody may save a user that was read before it was deactivated.
SQLITE = """
    create trigger accounts_user_end_sessions after update on accounts_user
    when new.session_generation
        <> max(old.session_generation, new.session_generation) + (old.is_active <> new.is_active)
    begin
        update accounts_user set session_generation
            = max(old.session_generation, new.session_generation) + (old.is_active <> new.is_active)
        where id = new.id;
    end
"""
POSTGRESQL = [
    """create function accounts_user_end_sessions() returns trigger language plpgsql as $$ begin
        new.session_generation := greatest(old.session_generation, new.session_generation)
            + (old.is_active <> new.is_active)::int;
        return new;
    end $$""",
    """create trigger accounts_user_end_sessions before update on accounts_user
    for each row execute function accounts_user_end_sessions()""",
]


def create(apps, schema_editor):
    for statement in [SQLITE] if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("drop trigger accounts_user_end_sessions")
    else:
        schema_editor.execute("drop function accounts_user_end_sessions cascade")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.AddField(
            "user",
            "session_generation",
            models.PositiveIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="Sessions of earlier generations have ended. A trigger adds 1 when is_active changes.",
            ),
        ),
        migrations.RunPython(create, drop),
    ]
