from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Rename columns of bulk actions and indexes of jobs to the words that the code uses; reword help texts."""

    dependencies = [("jobs", "0014_field_names")]

    operations = [
        # An index in Django's migration state keeps naming a renamed column, so it is removed and added again.
        migrations.RemoveIndex(model_name="bulkaction", name="bulk_unfinished"),
        migrations.RenameField(model_name="bulkaction", old_name="at", new_name="queued_until"),
        migrations.RenameField(model_name="bulkaction", old_name="already", new_name="skipped"),
        migrations.RenameField(model_name="bulkaction", old_name="begun_at", new_name="started_at"),
        migrations.RenameField(model_name="bulkaction", old_name="held_until", new_name="leased_until"),
        migrations.AddIndex(
            model_name="bulkaction",
            index=models.Index(fields=["started_at"], name="bulk_unfinished", condition=Q(ended_at__isnull=True)),
        ),
        migrations.RenameIndex(
            model_name="jobexecutionlog", old_name="job_newest_of_person", new_name="job_newest_of_user"
        ),
        migrations.RenameIndex(
            model_name="jobexecutionlog", old_name="job_newest_of_both", new_name="job_newest_of_user_report"
        ),
        migrations.RenameIndex(model_name="jobexecutionlog", old_name="job_all_of_person", new_name="job_all_of_user"),
        migrations.AlterModelOptions(
            name='bulkaction',
            options={'verbose_name': 'bulk action', 'verbose_name_plural': 'bulk actions'},
        ),
        migrations.AlterModelOptions(
            name='delivery',
            options={'ordering': ['created_at', 'id'], 'verbose_name': 'delivery', 'verbose_name_plural': 'deliveries'},
        ),
        migrations.AlterModelOptions(
            name='jobexecutionlog',
            options={'ordering': ['-queued_at', '-id'], 'verbose_name': 'job', 'verbose_name_plural': 'jobs'},
        ),
        migrations.AlterField(
            model_name='artifact',
            name='stamp',
            field=models.CharField(help_text='Size, times and inode of the file when it was published.', max_length=100),
        ),
        migrations.AlterField(
            model_name='artifact',
            name='truncated',
            field=models.CharField(blank=True, help_text='Why the rows are incomplete; empty if they are complete.', max_length=500),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='ids',
            field=models.JSONField(help_text='The selected jobs; null: all jobs that match the filters.', null=True),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='last_id',
            field=models.UUIDField(help_text='The last processed job.', null=True),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='last_queued_at',
            field=models.DateTimeField(help_text='When the last processed job was queued.', null=True),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='leased_until',
            field=models.DateTimeField(help_text='A process works on the bulk action until then.', null=True),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='queued_until',
            field=models.DateTimeField(help_text="Jobs queued after this time aren't included."),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='refused',
            field=models.PositiveIntegerField(default=0, help_text="Jobs that couldn't be retried or cancelled."),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='skipped',
            field=models.PositiveIntegerField(default=0, help_text='Jobs that were already retried or had already ended.'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='available_at',
            field=models.DateTimeField(help_text="The delivery isn't claimed before this time. Once claimed: when the lease ends."),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='error',
            field=models.CharField(blank=True, help_text='Why the last attempt failed.', max_length=300),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='state',
            field=models.CharField(choices=[('pending', 'Pending'), ('sent', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=10),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='target',
            field=models.CharField(help_text='Address, URL or folder. Visible to administrators only.', max_length=2000),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='target_digest',
            field=models.CharField(help_text='SHA-256 of the target, which is too long to index.', max_length=64),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='available_at',
            field=models.DateTimeField(help_text="The job isn't claimed before this time."),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='concurrency_key',
            field=models.UUIDField(help_text="The report's id if the report limits how many of its jobs run at once.", null=True),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='error_trace',
            field=models.TextField(blank=True, help_text='Visible to administrators only.'),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='notified_at',
            field=models.DateTimeField(help_text='When workers were last notified of the job.', null=True),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='owner',
            field=models.CharField(blank=True, help_text='The jobserver whose worker holds the lease.', max_length=32),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='priority',
            field=models.SmallIntegerField(default=100, help_text='Lower values are claimed first.'),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='started_at',
            field=models.DateTimeField(help_text='When the last attempt started.', null=True),
        ),
        migrations.AlterField(
            model_name='jobexecutionlog',
            name='turn',
            field=models.PositiveBigIntegerField(default=0, help_text='Rank in fair queuing. Within a priority, lower values are claimed first; users and tenants alternate.'),
        ),
    ]
