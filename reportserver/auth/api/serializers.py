from __future__ import annotations

from typing import Any

from rest_framework import serializers


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)
    otp = serializers.CharField(
        max_length=50,
        required=False,
        default="",
        allow_blank=True,
        write_only=True,
        help_text="The code of the second factor, or a recovery code. 401 `otp_required` asks for it.",
    )


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=2000)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=2000)


class PairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
