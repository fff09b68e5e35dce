"""Pages for people who received something and may have no account."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from jobs.delivery import unsubscribing
from jobs.delivery.unsubscribing import Subscription


# Mail programs post here without having seen the page (RFC 8058). Only the recipient has the token.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to unsubscribe; POST does it. Programs that open every link of a mail change nothing."""
    subscription = _subscription(token)
    is_done = request.method == "POST"
    if is_done:
        unsubscribing.unsubscribe(subscription)
    context = {"address": subscription.address, "token": token, "is_done": is_done}
    return render(request, "jobs/unsubscribe.html", context)


@never_cache
@require_POST
def subscribe_again(request: HttpRequest, token: str) -> HttpResponse:
    """Undo what the page of a link has just done."""
    subscription = _subscription(token)
    unsubscribing.subscribe_again(subscription)
    context = {"address": subscription.address, "token": token, "is_undone": True}
    return render(request, "jobs/unsubscribe.html", context)


def _subscription(token: str) -> Subscription:
    subscription = unsubscribing.subscription_of(token)
    if subscription is None:
        raise Http404
    return subscription
