"""Two more kinds of data source: DuckDB files, and other database servers."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0003_version_options'),
    ]

    operations = [
        migrations.AlterField(
            model_name='datasource',
            name='kind',
            field=models.CharField(choices=[('sqlite', 'SQLite file'), ('duckdb', 'DuckDB file'), ('files', 'CSV, Parquet and JSON files'), ('postgresql', 'PostgreSQL server'), ('sql', 'Other database server')], max_length=20),
        ),
    ]
