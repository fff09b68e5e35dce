"""Renames columns of the verification's state. The other operations change only texts, not the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_delivery_retried")]
    operations = [
        migrations.RenameField("auditcheck", "begun_at", "started_at"),
        migrations.RenameField("auditcheck", "verified", "verified_sequence"),
        migrations.RenameField("auditcheck", "broken", "broken_sequence"),
        migrations.AlterField(
            model_name='auditcheck',
            name='broken_sequence',
            field=models.BigIntegerField(help_text='The first entry that failed verification.', null=True),
        ),
        migrations.AlterField(
            model_name='auditcheck',
            name='hash',
            field=models.CharField(default='0000000000000000000000000000000000000000000000000000000000000000', help_text='The hash of that entry.', max_length=64),
        ),
        migrations.AlterField(
            model_name='auditcheck',
            name='sequence',
            field=models.BigIntegerField(default=0, help_text='The last entry verified since then.'),
        ),
        migrations.AlterField(
            model_name='auditcheck',
            name='started_at',
            field=models.DateTimeField(help_text='When verification last started at the first entry.'),
        ),
        migrations.AlterField(
            model_name='auditcheck',
            name='verified_sequence',
            field=models.BigIntegerField(help_text='The whole log was intact up to this entry.', null=True),
        ),
        migrations.AlterField(
            model_name='auditlog',
            name='action',
            field=models.CharField(choices=[('Job Generate', 'Report requested'), ('Job Retry', 'Job retried'), ('Job Cancel', 'Job cancelled'), ('Job Succeeded', 'Job succeeded'), ('Job Failed', 'Job failed'), ('Result Download', 'Result downloaded'), ('Result Missing', 'Result file missing'), ('Result Purge', 'Result deleted'), ('Report Create', 'Report created'), ('Report Update', 'Report updated'), ('Report Delete', 'Report deleted'), ('Report Run', 'Report run by a command'), ('Report Preview', 'Report previewed'), ('Definitions Apply', 'Definitions applied'), ('Delivery Sent', 'Delivery sent'), ('Delivery Failed', 'Delivery failed'), ('Delivery Retry', 'Delivery retried'), ('Sign In', 'Signed in'), ('Sign Out', 'Signed out'), ('Audit Export', 'Audit log exported'), ('Admin Create', 'Created in the admin'), ('Admin Update', 'Changed in the admin'), ('Admin Delete', 'Deleted in the admin')], max_length=50),
        ),
    ]
