from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Field names that say what they hold. Indexes name their fields, so those of renamed ones are built again."""

    dependencies = [("jobs", "0013_errors_by_rights")]

    operations = [
        migrations.RemoveIndex(model_name="jobexecutionlog", name="job_claimable"),
        migrations.RemoveIndex(model_name="jobexecutionlog", name="job_claimable_in_lane"),
        migrations.RenameField(model_name="jobexecutionlog", old_name="lane", new_name="concurrency_key"),
        migrations.RenameField(model_name="jobexecutionlog", old_name="rung_at", new_name="notified_at"),
        migrations.AddIndex(
            model_name="jobexecutionlog",
            index=models.Index(
                fields=["priority", "turn", "available_at", "queued_at"],
                name="job_claimable",
                condition=Q(status="Queued", concurrency_key__isnull=True),
            ),
        ),
        migrations.AddIndex(
            model_name="jobexecutionlog",
            index=models.Index(
                fields=["concurrency_key", "priority", "turn", "available_at", "queued_at"],
                name="job_claimable_limited",
                condition=Q(status="Queued", concurrency_key__isnull=False),
            ),
        ),
    ]
