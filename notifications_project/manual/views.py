"""The pages of the manual. Everybody may read them: they say nothing about anybody."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from notifications_project.manual import pages

_LONGEST_QUERY = 200


@require_safe
def show_page(request: HttpRequest, slug: str = pages.FIRST) -> HttpResponse:
    """Show one page of the manual beside the list of all."""
    every = pages.read_pages()
    if slug not in every:
        raise Http404("The manual has no such page.")
    return render(request, "manual/page.html", {"page": every[slug], "pages": every.values()})


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show the sections that hold every word of `?q=`."""
    query = request.GET.get("q", "").strip()[:_LONGEST_QUERY]
    context = {"query": query, "hits": pages.search(query), "pages": pages.read_pages().values()}
    return render(request, "manual/search.html", context)
