"""API keys, and service accounts, which have nothing but keys."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_roles")]
    operations = [
        migrations.AddField(
            "user",
            "service",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="A program. It has no password and can't sign in; it calls the API with keys.",
            ),
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.CharField(editable=False, max_length=16, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                ("rights", models.JSONField(help_text="A list of accounts.api_keys.KeyRight.")),
                ("reports", models.JSONField(help_text="A list of ids; null: all reports.", null=True)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=150)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(help_text="To the minute.", null=True)),
                (
                    "generation",
                    models.PositiveIntegerField(
                        help_text="The user's session_generation: a key isn't valid again when its user is activated again."
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["created_at", "id"]},
        ),
    ]
