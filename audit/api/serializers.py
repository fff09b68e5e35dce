from __future__ import annotations

from rest_framework import serializers

from audit.models import AuditLog


class AuditTargetSerializer(serializers.Serializer[AuditLog]):
    type = serializers.CharField(source="target_type")
    id = serializers.CharField(source="target_id")


class AuditEntrySerializer(serializers.ModelSerializer[AuditLog]):
    target = AuditTargetSerializer(source="*")
    details = serializers.DictField()
    previousHash = serializers.CharField(source="previous_hash")

    class Meta:
        model = AuditLog
        fields = ["sequence", "timestamp", "actor", "action", "target", "details", "previousHash", "hash"]
