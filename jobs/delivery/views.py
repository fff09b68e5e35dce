"""Pages for people who received something and may have no account."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from jobs.delivery import unsubscribing


# Mail programs post here without having seen the page (RFC 8058). Only the recipient has the token.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to unsubscribe; POST does it. Programs that open every link of a mail change nothing."""
    subscription = unsubscribing.subscription_of(token)
    if subscription is None:
        raise Http404
    is_done = request.method == "POST"
    if is_done:
        unsubscribing.unsubscribe(subscription)
    return render(request, "jobs/unsubscribe.html", {"address": subscription.address, "is_done": is_done})
