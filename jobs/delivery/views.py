"""Pages for people who received something and may have no account."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from common.throttling import TooManyCalls, count_call
from jobs.delivery import links, unsubscribing
from jobs.delivery.unsubscribing import Subscription
from jobs.results import downloads


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


# Nobody is signed in whose rights another site could use; only the recipient has the token.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def download_link(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show what a link in a mail leads to; POST downloads it. Programs that open every link of a mail download nothing.

    Raises LinkNotFound, TooManyCalls, or as `downloads.file_of_link`.
    """
    address = request.META.get("REMOTE_ADDR", "")
    usage = count_call("link", f"address:{address}")
    if usage.exceeded:
        raise TooManyCalls(usage)
    link = links.find(token)
    job = link.delivery.job
    if request.method == "POST":
        response, format = downloads.file_of_link(job, request.POST.get("format"))
        links.count_download(link, format=format, address=address)
    else:
        files = [
            {"format": file.format, "size": file.size, "name": downloads.filename(job, file.format)}
            for file in job.artifact.files
        ]
        context = {"name": job.report_name, "files": files, "expires_at": link.expires_at}
        response = render(request, "jobs/download_link.html", context)
    # The address is the key to the result.
    response["Referrer-Policy"] = "no-referrer"
    return response
