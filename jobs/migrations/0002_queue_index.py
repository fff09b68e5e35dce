"""django-q2 looks for messages by (key, lock) every tenth of a second, and has no index for it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial"), ("django_q", "0018_task_success_index")]
    operations = [
        migrations.RunSQL(
            "create index jobs_queue_poll on django_q_ormq (key, lock, id)", "drop index jobs_queue_poll"
        )
    ]
