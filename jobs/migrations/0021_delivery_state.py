"""Jobs know whether they deliver and what came of it. Deliveries have names; those of before are named by their kind."""

from django.db import migrations, models
from django.db.models import Case, Exists, F, OuterRef, Value, When


def fill(apps, schema_editor):
    alias = schema_editor.connection.alias
    deliveries = apps.get_model("jobs", "Delivery").objects.using(alias)
    deliveries.filter(name="").update(name=F("kind"))
    jobs = apps.get_model("jobs", "JobExecutionLog").objects.using(alias)
    pending, failed, sent = (
        Exists(deliveries.filter(job=OuterRef("pk"), state=state)) for state in ("pending", "failed", "sent")
    )
    state = Case(
        When(pending, then=Value("Pending")),
        When(failed & sent, then=Value("PartlyDelivered")),
        When(failed, then=Value("Failed")),
        default=Value("Delivered"),
    )
    jobs.filter(pk__in=deliveries.values("job")).update(delivery_state=state)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0020_scheduled_jobs")]
    operations = [
        migrations.RemoveConstraint("delivery", "delivery_once"),
        migrations.AddField(
            "delivery",
            "name",
            models.CharField(
                db_default="",
                default="",
                help_text="What its schedule calls it; else its kind.",
                max_length=100,
            ),
        ),
        migrations.AddField(
            "jobexecutionlog",
            "deliver",
            models.BooleanField(
                db_default=False, default=False, help_text="Its result is sent to the report's targets on request."
            ),
        ),
        migrations.AddField(
            "jobexecutionlog",
            "delivery_state",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What came of its deliveries; empty without any. See DeliveryState.",
                max_length=15,
            ),
        ),
        migrations.AlterField(
            "delivery",
            "error",
            models.CharField(
                blank=True,
                help_text="Why the last attempt failed, or why it is held or not sent.",
                max_length=300,
            ),
        ),
        migrations.AlterField(
            "delivery",
            "state",
            models.CharField(
                choices=[
                    ("held", "Held"),
                    ("pending", "Pending"),
                    ("sent", "Delivered"),
                    ("failed", "Failed"),
                    ("skipped", "Not sent"),
                    ("discarded", "Discarded"),
                ],
                default="pending",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            "delivery", "target", models.CharField(help_text="Address, URL or folder.", max_length=2000)
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            "delivery",
            models.UniqueConstraint(fields=("job", "name", "target_digest"), name="delivery_once_by_name"),
        ),
    ]
