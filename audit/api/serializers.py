from __future__ import annotations

from rest_framework import serializers

from audit.models import AuditLog


class AuditTargetSerializer(serializers.Serializer[AuditLog]):
    type = serializers.CharField(source="target_type")
    id = serializers.CharField(source="target_id")


class AuditEntrySerializer(serializers.ModelSerializer[AuditLog]):
    actorId = serializers.IntegerField(
        source="actor_id", allow_null=True, help_text="The user's id; null for the server, operators and strangers."
    )
    target = AuditTargetSerializer(source="*")
    details = serializers.DictField()
    previousHash = serializers.CharField(source="previous_hash")

    class Meta:
        model = AuditLog
        fields = ["sequence", "timestamp", "actor", "actorId", "action", "target", "details", "previousHash", "hash"]
